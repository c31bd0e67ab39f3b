/** A turn's pinned settings and its messages -> the request a model gets. Pure. */
import type { JsonObject } from '../domain/json.js';
import type { LimitReason } from '../domain/limits.js';
import type { ModelMessage, ModelRequest, ModelTool } from '../domain/ports/model.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import type { ToolChoice, TurnSettings } from '../domain/turn.js';

const NO_PARAMETERS: JsonObject = { type: 'object', properties: {}, additionalProperties: false };

export function toModelRequest(
  settings: TurnSettings,
  messages: readonly ModelMessage[],
  tools: ReadonlyMap<string, Tool>,
  wrapUp: LimitReason | null,
  step: number,
): ModelRequest {
  const offered = wrapUp === null ? offeredTools(settings, tools) : [];
  return {
    messages,
    tools: offered,
    toolChoice: offered.length === 0 ? 'none' : toolChoiceAt(step, settings.toolChoice),
    parallelToolCalls: settings.parallelToolCalls,
    temperature: settings.temperature,
    topP: settings.topP,
    maxOutputTokens: settings.maxOutputTokens,
    textFormat: settings.textFormat,
    reasoningEffort: settings.reasoningEffort,
    user: settings.user,
  };
}

/** A call that was demanded has been made in the first step: demanded again, the model could never answer. */
function toolChoiceAt(step: number, choice: ToolChoice): ToolChoice {
  return step > 1 && choice !== 'none' ? 'auto' : choice;
}

/** A client's function shadows a built-in tool of the same name: the client knows what it asked for. */
function offeredTools(settings: TurnSettings, tools: ReadonlyMap<string, Tool>): ModelTool[] {
  const clientNames = new Set(settings.clientFunctions.map((each) => each.name));
  const builtin = settings.tools.flatMap((pinned) => {
    const tool = tools.get(pinned.name);
    if (tool === undefined || clientNames.has(pinned.name)) return [];
    return [{ name: tool.name, description: tool.description, parameters: tool.parameters, strict: false }];
  });
  const client = settings.clientFunctions.map((each) => ({
    name: each.name,
    description: each.description ?? '',
    parameters: each.parameters ?? NO_PARAMETERS,
    strict: each.strict,
  }));
  return [...builtin, ...client];
}
