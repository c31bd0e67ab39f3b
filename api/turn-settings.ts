/** Everything about a turn that is fixed when it is accepted, decided from the request and what the server has. */
import type { Agent } from '../domain/agent.js';
import type { TextFormat, TurnSettings } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { checkJsonSchema } from './json-schema-check.js';
import { selectModel } from './requested-model.js';
import { selectTools } from './requested-tools.js';
import type { ResponseCreate } from './schemas/response-request.js';
import { decideLimits } from './turn-limits.js';

type SettingsDeps = Pick<ApiDeps, 'agents' | 'models' | 'tools' | 'defaultLimits'>;
type RequestedFormat = NonNullable<NonNullable<ResponseCreate['text']>['format']>;

function toTextFormat(format: RequestedFormat | null): TextFormat {
  if (format === null) return { type: 'text' };
  if (format.type !== 'json_schema') return { type: format.type };
  checkJsonSchema(format.schema, 'text.format.schema');
  const { name, schema, strict, description } = format;
  return { type: 'json_schema', name, schema, strict: strict ?? false, description: description ?? null };
}

/** What goes to the model as it was asked for; null leaves it to the provider. */
function samplingOf(
  request: ResponseCreate,
  agent: Agent,
): Pick<TurnSettings, 'temperature' | 'topP' | 'maxOutputTokens' | 'reasoningEffort'> {
  return {
    temperature: request.temperature ?? agent.temperature ?? null,
    topP: request.top_p ?? null,
    maxOutputTokens: request.max_output_tokens ?? null,
    reasoningEffort: request.reasoning?.effort ?? null,
  };
}

/** @throws `model.not-found`, `request.invalid`, `tool.unavailable`, each with its param. */
export function decideSettings(deps: SettingsDeps, request: ResponseCreate): TurnSettings {
  const { agent, requestedModel, modelChain } = selectModel(request.model ?? null, deps.agents, deps.models);
  const selection = selectTools(agent, deps.tools, request.tools ?? [], request.tool_choice ?? null);
  const maxToolCalls = request.max_tool_calls ?? null;
  return {
    agent: { name: agent.name, version: agent.version },
    requestedModel,
    modelChain,
    agentInstructions: agent.instructions,
    instructions: request.instructions ?? null,
    ...selection,
    ...samplingOf(request, agent),
    parallelToolCalls: request.parallel_tool_calls ?? true,
    maxToolCalls,
    textFormat: toTextFormat(request.text?.format ?? null),
    truncation: request.truncation ?? 'disabled',
    limits: decideLimits(deps.defaultLimits, agent.limits, request.turnstone?.limits ?? {}, maxToolCalls),
    user: request.user ?? null,
  };
}
