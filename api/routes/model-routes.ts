/** `/v1/models`: agents, fallback chains and the providers' models, all usable as `model`. */
import { failure } from '../../domain/failures.js';
import type { ApiDeps } from '../api-deps.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { modelListSchema, modelSchema } from '../schemas/answer-schemas.js';

interface ModelEntry {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  readonly description: string;
}

const DEMO = 'a scripted demo, not a language model';

function listModels(deps: ApiDeps, created: number): readonly ModelEntry[] {
  const base = { object: 'model', created } as const;
  const demos = new Set(deps.models.list().flatMap((model) => (model.demo ? [model.name] : [])));
  const agents = deps.agents.map((agent): ModelEntry => {
    const first = deps.models.resolve(agent.model)?.[0];
    const note = first !== undefined && demos.has(first) ? ` Answered by ${DEMO}: no provider is configured.` : '';
    return { ...base, id: agent.name, owned_by: 'turnstone', description: `Agent: ${agent.description}${note}` };
  });
  const models = deps.models.list().map((model): ModelEntry => {
    const chain = deps.models.resolve(model.name) ?? [];
    const isChain = chain.length > 1 || (chain[0] !== undefined && chain[0] !== model.name);
    const what = model.demo
      ? `Model: ${DEMO}.`
      : isChain
        ? `Fallback chain: ${chain.join(', then ')}.`
        : `Model of ${model.provider}.`;
    return {
      ...base,
      id: model.name,
      owned_by: model.demo ? `${model.provider} (scripted demo)` : model.provider,
      description: what,
    };
  });
  const names = new Set(agents.map((agent) => agent.id));
  return [...agents, ...models.filter((model) => !names.has(model.id))];
}

export function createModelRoutes(deps: ApiDeps): readonly ApiRoute[] {
  const created = Math.floor(Date.now() / 1000);
  return [
    defineRoute({
      method: 'get',
      path: '/v1/models',
      operationId: 'listModels',
      summary: 'List agents and models',
      tag: 'Models',
      scope: 'read',
      answers: { 200: { description: 'All of them', schema: modelListSchema } },
      handle({ res }) {
        res.json({ object: 'list', data: listModels(deps, created) });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/v1/models/{+model}',
      operationId: 'getModel',
      summary: 'Get an agent or a model',
      tag: 'Models',
      scope: 'read',
      answers: { 200: { description: 'The model', schema: modelSchema } },
      handle({ param, res }) {
        const id = param('model');
        const found = listModels(deps, created).find((model) => model.id === id);
        if (found === undefined) {
          throw failure(
            'model.not-found',
            `There is no model or agent named '${id.slice(0, 200)}'. GET /v1/models lists them.`,
            { param: 'model' },
          );
        }
        res.json(found);
      },
    }),
  ];
}
