/** The responses wire, us to provider: ModelRequest -> body of POST /responses. Nothing is stored there (`store: false`). */
import type OpenAI from 'openai';
import type { ModelMessage, ModelRequest, ModelTool, UserPart } from '../../domain/ports/model.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { echoedArguments, wellFormed } from './message-text.js';
import { quirksOf } from './provider-endpoint.js';

type ResponsesBody = OpenAI.Responses.ResponseCreateParamsStreaming;
type WireInput = OpenAI.Responses.ResponseInputItem;
type WireContent = OpenAI.Responses.ResponseInputContent;

export function toResponsesBody(request: ModelRequest, model: string, settings: ProviderSettings): ResponsesBody {
  const { user_field } = quirksOf(settings);
  return {
    model,
    input: request.messages.flatMap(toInputItems),
    stream: true,
    store: false,
    ...toolFields(request),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { top_p: request.topP }),
    ...(request.maxOutputTokens === null ? {} : { max_output_tokens: request.maxOutputTokens }),
    ...formatFields(request),
    ...reasoningFields(request, settings),
    ...(request.user === null || user_field === 'none' ? {} : { [user_field]: request.user }),
  };
}

function toolFields(request: ModelRequest): Partial<ResponsesBody> {
  if (request.tools.length === 0) return {};
  const choice = request.toolChoice;
  return {
    tools: request.tools.map(toWireTool),
    ...(choice === 'auto'
      ? {}
      : { tool_choice: typeof choice === 'string' ? choice : { type: 'function', ...choice } }),
    ...(request.parallelToolCalls ? {} : { parallel_tool_calls: false }),
  };
}

function toWireTool({ name, description, parameters, strict }: ModelTool): OpenAI.Responses.FunctionTool {
  return { type: 'function', name, description, parameters, strict };
}

function formatFields({ textFormat }: ModelRequest): Partial<ResponsesBody> {
  if (textFormat.type === 'text') return {};
  if (textFormat.type === 'json_object') return { text: { format: { type: 'json_object' } } };
  const { type, name, schema, strict, description } = textFormat;
  return { text: { format: { type, name, schema, strict, ...(description === null ? {} : { description }) } } };
}

function reasoningFields({ reasoningEffort }: ModelRequest, settings: ProviderSettings): Partial<ResponsesBody> {
  const summary = settings.quirks?.reasoning_summary;
  if (reasoningEffort === null && summary === undefined) return {};
  // Which efforts exist is the provider's to say, so the text is passed on as it is.
  const effort = reasoningEffort as NonNullable<OpenAI.ReasoningEffort> | null;
  return { reasoning: { ...(effort === null ? {} : { effort }), ...(summary === undefined ? {} : { summary }) } };
}

function toInputItems(message: ModelMessage): WireInput[] {
  switch (message.role) {
    case 'system':
      return [{ type: 'message', role: 'system', content: wellFormed(message.text) }];
    case 'user':
      return [{ type: 'message', role: 'user', content: message.parts.map(toWireContent) }];
    case 'tool':
      return [{ type: 'function_call_output', call_id: message.callId, output: wellFormed(message.text) }];
    case 'assistant': {
      const said: WireInput[] =
        message.text === '' && message.toolCalls.length > 0
          ? []
          : [{ type: 'message', role: 'assistant', content: wellFormed(message.text) }];
      const calls = message.toolCalls.map((call): WireInput => ({
        type: 'function_call',
        call_id: call.callId,
        name: call.name,
        arguments: echoedArguments(call.arguments),
      }));
      return [...said, ...calls];
    }
  }
}

function toWireContent(part: UserPart): WireContent {
  switch (part.type) {
    case 'text':
      return { type: 'input_text', text: wellFormed(part.text) };
    case 'image':
      return { type: 'input_image', image_url: part.url, detail: part.detail };
    case 'file':
      return { type: 'input_file', filename: part.filename, file_data: part.dataUrl };
  }
}
