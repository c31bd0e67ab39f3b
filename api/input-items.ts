/** `input` of a request -> items as they are stored, each with an id of ours. */
import { failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import type { InputItemParam, InputMessageItem, Item, OutputContent, OutputMessageItem } from '../domain/item.js';
import { toEchoedToolItem } from './echoed-tool-item.js';
import type { ContentIntake, RequestedContent } from './input-content.js';
import type { ConversationPath } from './conversation-path.js';

type MessageParam = Extract<InputItemParam, { role: string }>;
type Part = Exclude<MessageParam['content'], string>[number];

export interface InputRequest {
  readonly input: string | readonly InputItemParam[];
  /** Loaded only when an item refers to something outside the request. */
  readonly path: () => Promise<ConversationPath>;
  /** Name of the list in the request, for `param`. */
  readonly field: 'input' | 'items' | 'messages' | 'change.input';
}

function toAssistantContent(part: Part, path: string): OutputContent {
  if (part.type === 'refusal') return { type: 'refusal', refusal: part.refusal };
  if (part.type === 'output_text' || part.type === 'input_text') {
    return { type: 'output_text', text: part.text, annotations: [], logprobs: [] };
  }
  throw failure(
    'request.invalid',
    `'${path}' is '${part.type}', which an assistant message cannot hold. Put it into a user message.`,
    { param: path },
  );
}

function toAssistantMessage(message: MessageParam, path: string): OutputMessageItem {
  const parts: Part[] =
    typeof message.content === 'string' ? [{ type: 'output_text', text: message.content }] : message.content;
  const content = parts.map((part, index) => toAssistantContent(part, `${path}.content[${index}]`));
  return { type: 'message', id: newId('message'), role: 'assistant', status: 'completed', content };
}

function toRequestedContent(part: Part, path: string): RequestedContent {
  if (part.type !== 'output_text' && part.type !== 'refusal') return part;
  throw failure(
    'request.invalid',
    `'${path}' is '${part.type}', which only an assistant message can hold. Use input_text.`,
    { param: `${path}.type` },
  );
}

type InputRole = InputMessageItem['role'];

async function toInputMessage(
  message: MessageParam,
  role: InputRole,
  path: string,
  intake: ContentIntake,
): Promise<InputMessageItem> {
  const parts: Part[] =
    typeof message.content === 'string' ? [{ type: 'input_text', text: message.content }] : message.content;
  const content = [];
  for (const [index, part] of parts.entries()) {
    const at = `${path}.content[${index}]`;
    content.push(await intake.take(toRequestedContent(part, at), at));
  }
  return { type: 'message', id: newId('message'), role, status: 'completed', content };
}

async function toMessage(message: MessageParam, path: string, intake: ContentIntake): Promise<Item> {
  if (message.role === 'assistant') return toAssistantMessage(message, path);
  return toInputMessage(message, message.role, path, intake);
}

async function toFunctionOutput(
  output: Extract<InputItemParam, { type: 'function_call_output' }>,
  path: string,
  intake: ContentIntake,
): Promise<Item> {
  const id = newId('functionCallOutput');
  const base = { type: 'function_call_output', id, call_id: output.call_id, status: 'completed' } as const;
  if (typeof output.output === 'string') return { ...base, output: output.output };
  const parts = [];
  for (const [index, part] of output.output.entries()) parts.push(await intake.take(part, `${path}.output[${index}]`));
  return { ...base, output: parts };
}

const isMessage = (param: InputItemParam): param is MessageParam =>
  param.type === undefined || param.type === 'message';

/** Everything but references and echoed requests, which name what exists instead of bringing something new. */
async function toItem(
  param: Exclude<InputItemParam, { type: 'item_reference' | 'mcp_approval_request' }>,
  path: string,
  intake: ContentIntake,
): Promise<Item> {
  if (isMessage(param)) return toMessage(param, path, intake);
  switch (param.type) {
    case 'function_call': {
      const { call_id, name, arguments: text } = param;
      return { type: 'function_call', id: newId('functionCall'), call_id, name, arguments: text, status: 'completed' };
    }
    case 'function_call_output':
      return toFunctionOutput(param, path, intake);
    case 'reasoning': {
      const encrypted =
        typeof param.encrypted_content === 'string' ? { encrypted_content: param.encrypted_content } : {};
      return {
        type: 'reasoning',
        id: newId('reasoning'),
        status: 'completed',
        summary: param.summary,
        content: param.content ?? [],
        ...encrypted,
      };
    }
    case 'mcp_approval_response': {
      const { approval_request_id, approve, reason } = param;
      const base = { type: 'mcp_approval_response', id: newId('approvalResponse') } as const;
      return { ...base, approval_request_id, approve, reason: reason ?? null };
    }
    case 'compaction':
      return { type: 'compaction', id: newId('compaction'), encrypted_content: param.encrypted_content };
    default:
      return toEchoedToolItem(param, path);
  }
}

/** An item and its index in the request's own list, which is what `param` counts. */
interface Placed {
  readonly item: Item;
  readonly index: number;
}

async function checkOutputsAnswerCalls(placed: readonly Placed[], request: InputRequest): Promise<void> {
  const seen = new Set<string>();
  for (const { item, index } of placed) {
    if (item.type === 'function_call') seen.add(item.call_id);
    if (item.type !== 'function_call_output' || seen.has(item.call_id)) continue;
    const { calls } = await request.path();
    if (calls.has(item.call_id)) continue;
    const param = `${request.field}[${index}].call_id`;
    throw failure(
      'request.invalid',
      `'${param}' answers the call '${item.call_id}', which is neither in this request nor in the turns before it. ` +
        'Set previous_response_id or conversation to where the call was made, or send the function_call item too.',
      { param },
    );
  }
}

async function checkReference(id: string, request: InputRequest, index: number): Promise<void> {
  if ((await request.path()).ids.has(id)) return;
  const param = `${request.field}[${index}].id`;
  throw failure(
    'item.not-found',
    `'${param}' refers to the item '${id}', which is not in the turns before this one. Send the item itself, or set previous_response_id or conversation.`,
    { param },
  );
}

function toUserMessage(text: string): InputMessageItem {
  return {
    type: 'message',
    id: newId('message'),
    role: 'user',
    status: 'completed',
    content: [{ type: 'input_text', text }],
  };
}

/**
 * A reference to an item of the path is dropped after the check: the model sees that item already, in its place.
 * @throws `request.invalid`, `item.not-found`, `file.not-found`, `request.too-large`.
 */
export async function toInputItems(request: InputRequest, intake: ContentIntake): Promise<readonly Item[]> {
  if (typeof request.input === 'string') return [toUserMessage(request.input)];
  const placed: Placed[] = [];
  for (const [index, param] of request.input.entries()) {
    if (param.type === 'item_reference') await checkReference(param.id, request, index);
    // The request was ours; whether it is still open is for the decision to find out.
    else if (param.type !== 'mcp_approval_request')
      placed.push({ index, item: await toItem(param, `${request.field}[${index}]`, intake) });
  }
  await checkOutputsAnswerCalls(placed, request);
  return placed.map(({ item }) => item);
}

/** Nothing a model could answer: no items, or only messages without any content. */
export function isEmptyInput(items: readonly Item[]): boolean {
  return items.every(
    (item) => item.type === 'message' && item.content.every((part) => 'text' in part && part.text.trim() === ''),
  );
}
