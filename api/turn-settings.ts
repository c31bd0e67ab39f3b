/** Everything about a turn that is fixed when it is accepted, decided from the request and what the server has. */
import type { Agent } from '../domain/agent.js';
import { decideApprovalRules, decidePolicy } from '../domain/agent-approvals.js';
import { decideTaint } from '../domain/agent-taint.js';
import type { TurnLimits } from '../domain/limits.js';
import { DEFAULT_POLICY } from '../domain/policy.js';
import type { TextFormat, TurnSettings } from '../domain/turn.js';
import type { ApiDeps } from './api-deps.js';
import { checkJsonSchema } from './json-schema-check.js';
import { selectModel } from './requested-model.js';
import { selectTools } from './requested-tools.js';
import type { ResponseCreate } from './schemas/response-request.js';
import { decideLimits } from './turn-limits.js';

type SettingsDeps = Pick<ApiDeps, 'agents' | 'models' | 'tools' | 'defaultLimits'>;
type RequestedFormat = NonNullable<NonNullable<ResponseCreate['text']>['format']>;

function toTextFormat(format: RequestedFormat | null | undefined): TextFormat {
  if (format === null || format === undefined) return { type: 'text' };
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

function limitsOf(request: ResponseCreate, agent: Agent, defaults: TurnLimits): TurnLimits {
  return decideLimits(defaults, agent.limits, request.turnstone?.limits ?? {}, request.max_tool_calls ?? null);
}

/** @throws `model.not-found`, `request.invalid`, `tool.unavailable`, each with its param. */
export function decideSettings(deps: SettingsDeps, request: ResponseCreate): TurnSettings {
  const { agent, requestedModel, modelChain } = selectModel(request.model ?? null, deps.agents, deps.models);
  const taint = decideTaint(agent.taint);
  const selection = selectTools(agent, deps.tools, request.tools ?? [], request.tool_choice ?? null);
  return {
    agent: { name: agent.name, version: agent.version },
    requestedModel,
    modelChain,
    agentInstructions: agent.instructions,
    instructions: request.instructions ?? null,
    ...selection,
    ...samplingOf(request, agent),
    parallelToolCalls: request.parallel_tool_calls ?? true,
    maxToolCalls: request.max_tool_calls ?? null,
    textFormat: toTextFormat(request.text?.format),
    truncation: request.truncation ?? 'disabled',
    limits: limitsOf(request, agent, deps.defaultLimits),
    taint: taint.settings,
    policy: decidePolicy(agent.approvals, request.turnstone?.approvals ?? DEFAULT_POLICY.approvals, taint.policy),
    approvalRules: decideApprovalRules(agent.approvals),
    user: request.user ?? null,
  };
}
