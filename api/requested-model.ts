/** `model` of a request -> the agent that runs the turn and the chain of models it may use. */
import type { Agent } from '../domain/agent.js';
import { failure } from '../domain/failures.js';
import type { ModelRegistry } from '../domain/ports/model.js';

export const DEFAULT_AGENT = 'general';

export interface ModelSelection {
  readonly agent: Agent;
  readonly requestedModel: string;
  /** `provider/model` names in fallback order. */
  readonly modelChain: readonly string[];
}

export function defaultAgent(agents: readonly Agent[]): Agent {
  const agent = agents.find((candidate) => candidate.name === DEFAULT_AGENT) ?? agents[0];
  if (agent === undefined)
    throw failure('server.internal', 'No agent is loaded: the agents folder holds no *.yaml file.');
  return agent;
}

function knownNames(agents: readonly Agent[], models: ModelRegistry): string {
  const names = [...agents.map((agent) => agent.name), ...models.list().map((model) => model.name)];
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown}, … (all: GET /v1/models)` : shown;
}

/**
 * An agent's name wins over a model's. Anything else is a model, run by the default agent.
 * @throws `model.not-found` with param `model`.
 */
export function selectModel(requested: string | null, agents: readonly Agent[], models: ModelRegistry): ModelSelection {
  const requestedModel = requested ?? defaultAgent(agents).name;
  const named = agents.find((candidate) => candidate.name === requestedModel);
  const modelChain = models.resolve(named === undefined ? requestedModel : named.model);
  if (modelChain !== null && modelChain.length > 0)
    return { agent: named ?? defaultAgent(agents), requestedModel, modelChain };
  const message =
    named === undefined
      ? `There is no model or agent named '${requestedModel}'. Known: ${knownNames(agents, models)}.`
      : `The agent '${named.name}' uses the model '${named.model}', which no provider serves. Configure that provider or change the agent.`;
  throw failure('model.not-found', message, { param: 'model' });
}
