/**
 * Items: the pieces of a conversation, in the shapes of the Open Responses specification (the `openai` package types).
 * What we store is what we send. Items of type `turnstone:*` are ours, for what the standard has no type for.
 */
import { z } from 'zod';
import type { Origin } from './taint.js';
import { approvalResponseSchema, echoedApprovalRequestSchema } from './approval-item.js';
import type { McpApprovalRequestItem, McpApprovalResponseItem } from './approval-item.js';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export interface InputText {
  readonly type: 'input_text';
  readonly text: string;
}
export interface InputImage {
  readonly type: 'input_image';
  readonly detail: 'low' | 'high' | 'auto';
  /** https or data URL; absent when the bytes are in the file store under `file_id`. */
  readonly image_url?: string | null;
  readonly file_id?: string | null;
}
export interface InputFile {
  readonly type: 'input_file';
  readonly filename?: string;
  readonly file_url?: string;
  readonly file_data?: string;
  readonly file_id?: string | null;
}
export interface UrlCitation {
  readonly type: 'url_citation';
  readonly start_index: number;
  readonly end_index: number;
  readonly url: string;
  readonly title: string;
}
export interface OutputText {
  readonly type: 'output_text';
  readonly text: string;
  readonly annotations: readonly UrlCitation[];
  readonly logprobs: readonly never[];
}
export interface Refusal {
  readonly type: 'refusal';
  readonly refusal: string;
}
export type InputContent = InputText | InputImage | InputFile;
export type OutputContent = OutputText | Refusal;

export interface InputMessageItem {
  readonly type: 'message';
  readonly id: string;
  readonly role: 'user' | 'system' | 'developer';
  readonly status: ItemStatus;
  readonly content: readonly InputContent[];
  /** Ours: where it comes from, when that is not the user or an untainted context; see `domain/taint.ts`. */
  readonly turnstone_origin?: Origin;
}
export interface OutputMessageItem {
  readonly type: 'message';
  readonly id: string;
  readonly role: 'assistant';
  readonly status: ItemStatus;
  readonly content: readonly OutputContent[];
  readonly turnstone_origin?: Origin;
}
export interface ReasoningItem {
  readonly type: 'reasoning';
  readonly id: string;
  readonly status: ItemStatus;
  readonly summary: readonly { readonly type: 'summary_text'; readonly text: string }[];
  readonly content: readonly { readonly type: 'reasoning_text'; readonly text: string }[];
  readonly encrypted_content?: string | null;
}
/** A function the client runs; the turn ends with it and the client answers with `function_call_output`. */
export interface FunctionCallItem {
  readonly type: 'function_call';
  readonly id: string;
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
  readonly status: ItemStatus;
  readonly turnstone_origin?: Origin;
}
export interface FunctionCallOutputItem {
  readonly type: 'function_call_output';
  readonly id: string;
  readonly call_id: string;
  readonly output: string | readonly InputContent[];
  readonly status: ItemStatus;
}
export type CodeInterpreterOutput =
  { readonly type: 'logs'; readonly logs: string } | { readonly type: 'image'; readonly url: string };
export interface ProducedFile {
  readonly id: string;
  readonly filename: string;
  readonly mime_type: string;
  readonly bytes: number;
}
export interface CodeInterpreterCallItem {
  readonly type: 'code_interpreter_call';
  readonly id: string;
  readonly code: string | null;
  readonly container_id: string;
  readonly outputs: readonly CodeInterpreterOutput[] | null;
  /** Ours: every file the code made, images included; read them at `/v1/files/{id}/content`. */
  readonly turnstone_files?: readonly ProducedFile[];
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'interpreting' | 'failed';
  readonly turnstone_origin?: Origin;
}
export interface WebSearchCallItem {
  readonly type: 'web_search_call';
  readonly id: string;
  readonly status: 'in_progress' | 'searching' | 'completed' | 'failed';
  readonly action:
    { readonly type: 'open_page'; readonly url: string } | { readonly type: 'search'; readonly query: string };
  readonly turnstone_origin?: Origin;
}
/** Any server-side tool without a standard item type. */
export interface GenericToolCallItem {
  readonly type: 'turnstone:tool_call';
  readonly id: string;
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
  readonly output: string | null;
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly turnstone_origin?: Origin;
}
/** Everything before it is replaced, for the model, by the summary it carries (base64url JSON `{ summary }`). */
export interface CompactionItem {
  readonly type: 'compaction';
  readonly id: string;
  readonly encrypted_content: string;
  readonly turnstone_origin?: Origin;
}

export type ToolItem = CodeInterpreterCallItem | WebSearchCallItem | GenericToolCallItem;
export type InputItem =
  | InputMessageItem
  | OutputMessageItem
  | ReasoningItem
  | FunctionCallItem
  | FunctionCallOutputItem
  | ToolItem
  | CompactionItem
  | McpApprovalRequestItem
  | McpApprovalResponseItem;
export type OutputItem =
  OutputMessageItem | ReasoningItem | FunctionCallItem | ToolItem | CompactionItem | McpApprovalRequestItem;
export type Item = InputItem | OutputItem;
export type ToolItemType = ToolItem['type'];

// ---- what clients may send -------------------------------------------------------------------------------------

const MAX_TEXT = 4_000_000;
const text = z.string().max(MAX_TEXT);
const itemId = z.string().max(128);

export const inputContentSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input_text'), text }),
  z.strictObject({
    type: z.literal('input_image'),
    image_url: z.string().nullish(),
    file_id: z.string().max(128).nullish(),
    detail: z.enum(['low', 'high', 'auto']).default('auto'),
  }),
  z.strictObject({
    type: z.literal('input_file'),
    filename: z.string().max(255).optional(),
    file_url: z.string().optional(),
    file_data: z.string().optional(),
    file_id: z.string().max(128).nullish(),
    detail: z.enum(['low', 'high', 'auto']).optional(),
  }),
]);

/** Output parts a client may send back as history; unknown annotations and logprobs are accepted and dropped. */
const echoedContentSchema = z.union([
  inputContentSchema,
  z.object({ type: z.literal('output_text'), text }),
  z.object({ type: z.literal('refusal'), refusal: text }),
]);

export const inputMessageSchema = z.object({
  type: z.literal('message').optional(),
  id: itemId.optional(),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  status: z.enum(['in_progress', 'completed', 'incomplete']).nullish(),
  content: z.union([text, z.array(echoedContentSchema).min(1).max(1000)]),
});

export const functionCallInputSchema = z.object({
  type: z.literal('function_call'),
  id: itemId.optional(),
  call_id: z.string().min(1).max(128),
  name: z.string().min(1).max(128),
  arguments: text,
  status: z.string().nullish(),
});

export const functionCallOutputInputSchema = z.object({
  type: z.literal('function_call_output'),
  id: itemId.nullish(),
  call_id: z.string().min(1).max(128),
  output: z.union([text, z.array(inputContentSchema).max(1000)]),
  status: z.string().nullish(),
});

export const itemReferenceSchema = z.object({ type: z.literal('item_reference'), id: itemId });

/**
 * Items of an earlier answer that a client sends back when it keeps its own history. Their text is kept as context; a
 * tool result that comes from a client is never trusted as if our own tool had produced it (it is stored as input).
 */
const echoedReasoningSchema = z.object({
  type: z.literal('reasoning'),
  id: itemId.optional(),
  summary: z.array(z.object({ type: z.literal('summary_text'), text })).default([]),
  content: z.array(z.object({ type: z.literal('reasoning_text'), text })).nullish(),
  encrypted_content: z.string().nullish(),
});
const echoedCompactionSchema = z.object({
  type: z.literal('compaction'),
  id: itemId.nullish(),
  encrypted_content: z.string(),
});
const echoedToolItemSchema = z.looseObject({
  type: z.enum(['code_interpreter_call', 'web_search_call', 'turnstone:tool_call']),
  id: itemId,
});

export const inputItemSchema = z.union([
  inputMessageSchema,
  functionCallInputSchema,
  functionCallOutputInputSchema,
  itemReferenceSchema,
  echoedReasoningSchema,
  echoedCompactionSchema,
  echoedToolItemSchema,
  echoedApprovalRequestSchema,
  approvalResponseSchema,
]);
/** One element of a request's `input` list, as the client sent it. */
export type InputItemParam = z.infer<typeof inputItemSchema>;

/** The plain text of an item, for full-text search, titles and token estimates. Empty where an item has none. */
export function itemText(item: Item): string {
  switch (item.type) {
    case 'message':
      return joinText(item.content.map(partText));
    case 'reasoning':
      return joinText([...item.summary, ...item.content].map((part) => part.text));
    case 'function_call':
      return `${item.name} ${item.arguments}`;
    case 'function_call_output':
      return typeof item.output === 'string' ? item.output : joinText(item.output.map(partText));
    case 'compaction':
    case 'mcp_approval_request':
    case 'mcp_approval_response':
      return '';
    default:
      return toolItemText(item);
  }
}

function toolItemText(item: ToolItem): string {
  switch (item.type) {
    case 'code_interpreter_call':
      return joinText([
        item.code ?? '',
        ...(item.outputs ?? []).map((output) => ('logs' in output ? output.logs : '')),
      ]);
    case 'web_search_call':
      return item.action.type === 'search' ? item.action.query : item.action.url;
    case 'turnstone:tool_call':
      return `${item.name} ${item.arguments}\n${item.output ?? ''}`;
  }
}

function partText(part: InputContent | OutputContent): string {
  if ('text' in part) return part.text;
  return 'refusal' in part ? part.refusal : '';
}

function joinText(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}
