/** A chat completion request -> the response request it means. Pure. Messages become items, one to one or one to several. */
import type { InputItemParam } from '../../domain/item.js';
import type { ChatCompletionCreate, ChatMessage, ChatUserPart } from '../schemas/chat-request.js';
import type { RequestedTool, RequestedToolChoice, ResponseCreate } from '../schemas/response-request.js';

type MessageParam = Extract<InputItemParam, { role: string }>;
type Content = MessageParam['content'];

/** Items with the index of the message each came from: complaints about an item must name the message. */
export interface ChatInput {
  readonly items: readonly InputItemParam[];
  readonly messageOf: readonly number[];
}

function toUserPart(part: ChatUserPart): Exclude<Content, string>[number] {
  switch (part.type) {
    case 'text':
      return { type: 'input_text', text: part.text };
    case 'image_url':
      return { type: 'input_image', image_url: part.image_url.url, detail: part.image_url.detail ?? 'auto' };
    case 'file':
      return { type: 'input_file', ...part.file };
  }
}

function toPlainText(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map((part) => part.text).join('\n');
}

function toAssistantItems(message: Extract<ChatMessage, { role: 'assistant' }>): InputItemParam[] {
  const parts: Exclude<Content, string> = [];
  if (typeof message.content === 'string' && message.content !== '')
    parts.push({ type: 'output_text', text: message.content });
  if (Array.isArray(message.content)) {
    for (const part of message.content) {
      parts.push(
        part.type === 'text' ? { type: 'output_text', text: part.text } : { type: 'refusal', refusal: part.refusal },
      );
    }
  }
  if (typeof message.refusal === 'string') parts.push({ type: 'refusal', refusal: message.refusal });
  const calls = (message.tool_calls ?? []).map((call): InputItemParam => ({
    type: 'function_call',
    call_id: call.id,
    name: call.function.name,
    arguments: call.function.arguments,
  }));
  return [...(parts.length === 0 ? [] : [{ role: 'assistant' as const, content: parts }]), ...calls];
}

function toItems(message: ChatMessage): InputItemParam[] {
  switch (message.role) {
    case 'system':
    case 'developer':
      return [{ role: message.role, content: toPlainText(message.content) }];
    case 'user':
      return [
        {
          role: 'user',
          content: typeof message.content === 'string' ? message.content : message.content.map(toUserPart),
        },
      ];
    case 'assistant':
      return toAssistantItems(message);
    case 'tool':
      return [{ type: 'function_call_output', call_id: message.tool_call_id, output: toPlainText(message.content) }];
  }
}

export function toChatInput(messages: readonly ChatMessage[]): ChatInput {
  const items: InputItemParam[] = [];
  const messageOf: number[] = [];
  for (const [index, message] of messages.entries()) {
    for (const item of toItems(message)) {
      items.push(item);
      messageOf.push(index);
    }
  }
  return { items, messageOf };
}

function toTools(tools: ChatCompletionCreate['tools']): RequestedTool[] {
  return (tools ?? []).map((tool) => ({ type: 'function', ...tool.function }));
}

function toToolChoice(choice: ChatCompletionCreate['tool_choice']): RequestedToolChoice | null {
  if (choice === null || choice === undefined || typeof choice === 'string') return choice ?? null;
  return { type: 'function', name: choice.function.name };
}

function toFormat(format: ChatCompletionCreate['response_format']): NonNullable<ResponseCreate['text']>['format'] {
  if (format === null || format === undefined) return null;
  return format.type === 'json_schema' ? { type: 'json_schema', ...format.json_schema } : { type: format.type };
}

/** Not stored beyond its own run: the client of a chat completion keeps the history itself. */
export function toResponseCreate(request: ChatCompletionCreate, items: readonly InputItemParam[]): ResponseCreate {
  return {
    model: request.model,
    input: [...items],
    tools: toTools(request.tools),
    tool_choice: toToolChoice(request.tool_choice),
    parallel_tool_calls: request.parallel_tool_calls,
    text: { format: toFormat(request.response_format) },
    reasoning: { effort: request.reasoning_effort },
    max_output_tokens: request.max_completion_tokens ?? request.max_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    user: request.user,
    metadata: request.metadata,
    turnstone: request.turnstone,
    store: false,
  };
}

/** `messages[4].call_id` of an item list -> `messages[2].tool_call_id` of the request that was sent. */
export function toMessageParam(param: string, input: ChatInput): string {
  const match = /^messages\[(\d+)\](.*)$/.exec(param);
  if (match === null) return CHAT_NAMES[param] ?? param;
  const index = input.messageOf[Number(match[1])] ?? Number(match[1]);
  const rest = (match[2] ?? '')
    .replace('.call_id', '.tool_call_id')
    .replace(/\.image_url$/, '.image_url.url')
    .replace('.file_', '.file.file_');
  return `messages[${index}]${rest}`;
}

const CHAT_NAMES: Readonly<Record<string, string>> = {
  'text.format.schema': 'response_format.json_schema.schema',
  input: 'messages',
};
