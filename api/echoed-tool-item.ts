/**
 * Tool items of an earlier answer that a client sends back as history. They are rebuilt field by field: whatever else the
 * client put into them is dropped, and they are input now, so nothing in them counts as the work of a tool of ours.
 */
import { z } from 'zod';
import { newId } from '../domain/ids.js';
import type { InputItemParam, ToolItem } from '../domain/item.js';
import { parseRequest } from './schemas/parse-request.js';

export type EchoedTool = Extract<
  InputItemParam,
  { type: 'code_interpreter_call' | 'web_search_call' | 'turnstone:tool_call' }
>;

const MAX_TEXT = 4_000_000;
const text = z.string().max(MAX_TEXT);

const outputSchema = z.union([
  z.object({ type: z.literal('logs'), logs: text }),
  z.object({ type: z.literal('image'), url: z.string().max(8192) }),
]);

const echoedSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('code_interpreter_call'),
    code: text.nullish(),
    container_id: z.string().max(128).default('auto'),
    outputs: z.array(outputSchema).max(100).nullish(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'interpreting', 'failed']).default('completed'),
  }),
  z.object({
    type: z.literal('web_search_call'),
    status: z.enum(['in_progress', 'searching', 'completed', 'failed']).default('completed'),
    action: z.union([
      z.object({ type: z.literal('open_page'), url: z.string().max(8192) }),
      z.object({ type: z.literal('search'), query: text }),
    ]),
  }),
  z.object({
    type: z.literal('turnstone:tool_call'),
    call_id: z.string().min(1).max(128),
    name: z.string().min(1).max(128),
    arguments: text,
    output: text.nullish(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']).default('completed'),
    error: z.object({ code: z.string().max(128), message: z.string().max(4000) }).nullish(),
  }),
]);

/** @param path where the item sits in the request, e.g. `input[2]`. @throws `request.invalid`. */
export function toEchoedToolItem(param: EchoedTool, path: string): ToolItem {
  const item = parseRequest(echoedSchema, param, 'body', [path]);
  switch (item.type) {
    case 'code_interpreter_call':
      return { ...item, id: newId('codeInterpreterCall'), code: item.code ?? null, outputs: item.outputs ?? null };
    case 'web_search_call':
      return { ...item, id: newId('webSearchCall') };
    case 'turnstone:tool_call':
      return { ...item, id: newId('genericToolCall'), output: item.output ?? null, error: item.error ?? null };
  }
}
