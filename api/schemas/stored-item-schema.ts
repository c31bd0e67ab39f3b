/** Items in the form they are stored, as an import brings them: stricter than what a request may send. */
import { z } from 'zod';
import type { Item } from '../../domain/item.js';

const MAX_TEXT = 4_000_000;
const text = z.string().max(MAX_TEXT);
export const storedIdSchema = z.string().regex(/^[a-z]{2,5}_[0-9a-z]{1,64}$/, 'an id as the export wrote it');
const id = storedIdSchema;
const itemStatus = z.enum(['in_progress', 'completed', 'incomplete']);
const shortText = z.string().max(512);

const url = z
  .string()
  .max(8192)
  .regex(/^https?:\/\//i, 'an http(s) URL');
const inputContent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('input_text'), text }),
  z.object({
    type: z.literal('input_image'),
    detail: z.enum(['low', 'high', 'auto']).default('auto'),
    image_url: url.nullish(),
    file_id: id.nullish(),
  }),
  z.object({
    type: z.literal('input_file'),
    filename: z.string().max(255).optional(),
    file_url: url.optional(),
    file_id: id.nullish(),
  }),
]);
const citation = z.object({
  type: z.literal('url_citation'),
  start_index: z.int().min(0),
  end_index: z.int().min(0),
  url: z.string().max(8192),
  title: z.string().max(1000),
});
const outputContent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('output_text'),
    text,
    annotations: z.array(citation).max(1000).default([]),
    logprobs: z.array(z.null()).max(0).default([]),
  }),
  z.object({ type: z.literal('refusal'), refusal: text }),
]);
const toolError = z.object({ code: z.string().max(128), message: z.string().max(4000) });
const codeOutput = z.union([
  z.object({ type: z.literal('logs'), logs: text }),
  z.object({ type: z.literal('image'), url: z.string().max(8192) }),
]);

const message = z.discriminatedUnion('role', [
  z.object({
    type: z.literal('message'),
    id,
    role: z.enum(['user', 'system', 'developer']),
    status: itemStatus,
    content: z.array(inputContent).max(1000),
  }),
  z.object({
    type: z.literal('message'),
    id,
    role: z.literal('assistant'),
    status: itemStatus,
    content: z.array(outputContent).max(1000),
  }),
]);

export const storedItemDataSchema = z.union([
  message,
  z.object({
    type: z.literal('reasoning'),
    id,
    status: itemStatus,
    summary: z.array(z.object({ type: z.literal('summary_text'), text })),
    content: z.array(z.object({ type: z.literal('reasoning_text'), text })),
    encrypted_content: text.nullish(),
  }),
  z.object({
    type: z.literal('function_call'),
    id,
    call_id: shortText,
    name: shortText,
    arguments: text,
    status: itemStatus,
  }),
  z.object({
    type: z.literal('function_call_output'),
    id,
    call_id: shortText,
    output: z.union([text, z.array(inputContent).max(1000)]),
    status: itemStatus,
  }),
  z.object({
    type: z.literal('code_interpreter_call'),
    id,
    code: text.nullable(),
    container_id: shortText,
    outputs: z.array(codeOutput).max(1000).nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'interpreting', 'failed']),
  }),
  z.object({
    type: z.literal('web_search_call'),
    id,
    status: z.enum(['in_progress', 'searching', 'completed', 'failed']),
    action: z.union([
      z.object({ type: z.literal('open_page'), url: z.string().max(8192) }),
      z.object({ type: z.literal('search'), query: text }),
    ]),
  }),
  z.object({
    type: z.literal('turnstone:tool_call'),
    id,
    call_id: shortText,
    name: shortText,
    arguments: text,
    output: text.nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    error: toolError.nullish(),
  }),
  z.object({ type: z.literal('compaction'), id, encrypted_content: text }),
  z.object({
    type: z.literal('mcp_approval_request'),
    id,
    name: shortText,
    arguments: text,
    server_label: shortText,
  }),
  z.object({
    type: z.literal('mcp_approval_response'),
    id,
    approval_request_id: shortText,
    approve: z.boolean(),
    reason: text.nullish(),
  }),
]);
type ParsedItem = z.infer<typeof storedItemDataSchema>;

/** Null and absent mean the same in an item; the domain's types know only one of them per field. */
export const toStoredItem = (item: ParsedItem): Item => item as Item;
