/** The chat completions wire, us to provider: ModelRequest -> body of POST /chat/completions. */
import type OpenAI from 'openai';
import type { ModelMessage, ModelRequest, ModelTool, UserPart } from '../../domain/ports/model.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { echoedArguments, wellFormed } from './message-text.js';
import { quirksOf } from './provider-endpoint.js';

type ChatBody = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;
type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
type ChatPart = OpenAI.Chat.Completions.ChatCompletionContentPart;

/**
 * Only what was asked for is sent, since many servers refuse fields they do not know: `tool_choice` unless it is the default,
 * `parallel_tool_calls` only to switch it off and only with tools, `reasoning_effort` only when set.
 */
export function toChatBody(request: ModelRequest, model: string, settings: ProviderSettings): ChatBody {
  const quirks = quirksOf(settings);
  return {
    model,
    messages: request.messages.map(toChatMessage),
    stream: true,
    ...(quirks.stream_usage ? { stream_options: { include_usage: true } } : {}),
    ...toolFields(request),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { top_p: request.topP }),
    ...(request.maxOutputTokens === null ? {} : { [quirks.max_tokens_field]: request.maxOutputTokens }),
    ...formatFields(request),
    ...effortFields(request),
    ...(request.user === null || quirks.user_field === 'none' ? {} : { [quirks.user_field]: request.user }),
  };
}

function toolFields(request: ModelRequest): Partial<ChatBody> {
  if (request.tools.length === 0) return {};
  const choice = request.toolChoice;
  return {
    tools: request.tools.map(toChatTool),
    ...(choice === 'auto'
      ? {}
      : { tool_choice: typeof choice === 'string' ? choice : { type: 'function', function: choice } }),
    ...(request.parallelToolCalls ? {} : { parallel_tool_calls: false }),
  };
}

function toChatTool(tool: ModelTool): OpenAI.Chat.Completions.ChatCompletionTool {
  const { name, description, parameters, strict } = tool;
  return { type: 'function', function: { name, description, parameters, ...(strict ? { strict } : {}) } };
}

function formatFields({ textFormat }: ModelRequest): Partial<ChatBody> {
  if (textFormat.type === 'text') return {};
  if (textFormat.type === 'json_object') return { response_format: { type: 'json_object' } };
  const { name, schema, strict, description } = textFormat;
  const json_schema = { name, schema, strict, ...(description === null ? {} : { description }) };
  return { response_format: { type: 'json_schema', json_schema } };
}

function effortFields({ reasoningEffort }: ModelRequest): Partial<ChatBody> {
  // Which efforts exist is the provider's to say, so the text is passed on as it is.
  return reasoningEffort === null
    ? {}
    : { reasoning_effort: reasoningEffort as NonNullable<ChatBody['reasoning_effort']> };
}

function toChatMessage(message: ModelMessage): ChatMessage {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: wellFormed(message.text) };
    case 'user':
      return { role: 'user', content: toUserContent(message.parts) };
    case 'tool':
      return { role: 'tool', tool_call_id: message.callId, content: wellFormed(message.text) };
    case 'assistant': {
      if (message.toolCalls.length === 0) return { role: 'assistant', content: wellFormed(message.text) };
      const tool_calls = message.toolCalls.map((call) => ({
        id: call.callId,
        type: 'function' as const,
        function: { name: call.name, arguments: echoedArguments(call.arguments) },
      }));
      return { role: 'assistant', content: message.text === '' ? null : wellFormed(message.text), tool_calls };
    }
  }
}

/** Text alone goes as a string: servers without image input often take nothing else. */
function toUserContent(parts: readonly UserPart[]): string | ChatPart[] {
  if (parts.every((part) => part.type === 'text')) return parts.map((part) => wellFormed(part.text)).join('\n\n');
  return parts.map(toChatPart);
}

function toChatPart(part: UserPart): ChatPart {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: wellFormed(part.text) };
    case 'image':
      return {
        type: 'image_url',
        image_url: { url: part.url, ...(part.detail === 'auto' ? {} : { detail: part.detail }) },
      };
    case 'file':
      return { type: 'file', file: { filename: part.filename, file_data: part.dataUrl } };
  }
}
