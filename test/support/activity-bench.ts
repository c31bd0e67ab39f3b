/** Activities without a server: stores and event log in memory, a model that gives the answers it is told. */
import type { ActivityDeps } from '../../activities/activity-deps.js';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { createMetrics } from '../../adapters/prometheus/create-metrics.js';
import type { LanguageModel, ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import type { SteerStore } from '../../domain/ports/steer-store.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import { toResponseResource } from '../../domain/response-resource.js';
import type { TurnRecord, TurnSettings } from '../../domain/turn.js';
import { aFakeTool } from './api-fakes.js';
import { createInMemoryEffectStore } from './in-memory-effects.js';
import { createInMemoryCredentials } from './in-memory-credentials.js';
import { createInMemoryBudgetStore } from './in-memory-budgets.js';
import { createInMemoryApprovalStore } from './in-memory-approvals.js';
import { createInMemoryFileStore } from './in-memory-stores.js';
import { createMemoryTables } from './in-memory-stores-tables.js';
import { createInMemorySteerStore } from './in-memory-stores-pending.js';
import { createInMemoryTurnStore } from './in-memory-stores-turns.js';
import { createRecordingLogger } from './recording-logger.js';
import { aScope } from './scope-builders.js';
import { aNewTurn, theSettings } from './turn-builders.js';

export const benchScope = aScope();

export const answerChunks = (text: string): ModelChunk[] => [
  { type: 'text-delta', text },
  { type: 'finish', reason: 'stop' },
];
export const callChunks = (...names: string[]): ModelChunk[] => [
  ...names.flatMap((name, index): ModelChunk[] => [
    { type: 'tool-call-start', index, callId: `call_${index}`, name },
    { type: 'tool-call-delta', index, arguments: '{}' },
  ]),
  { type: 'finish', reason: 'tool_calls' },
];

export interface ActivityBench {
  readonly deps: ActivityDeps;
  readonly steers: SteerStore;
  readonly turn: TurnRecord;
  readonly asked: readonly ModelRequest[];
  readonly invoked: readonly string[];
}

/** A turn that is accepted and whose model gives these answers, step by step. */
export async function anAcceptedTurn(
  answers: readonly ModelChunk[][],
  tools: readonly Partial<Tool>[] = [],
  settings: Partial<TurnSettings> = {},
): Promise<ActivityBench> {
  const asked: ModelRequest[] = [];
  const invoked: string[] = [];
  const model: LanguageModel = {
    name: 'fake/model',
    provider: 'fake',
    contextWindow: 100_000,
    prices: null,
    demo: false,
    async *stream(request) {
      asked.push(request);
      yield* answers[asked.length - 1] ?? answerChunks('no more');
    },
  };
  const made = tools.map((change) =>
    aFakeTool(change.name ?? 'look', {
      invoke: async () => {
        invoked.push(change.name ?? 'look');
        return { text: 'seen' };
      },
      ...change,
    }),
  );
  const tables = createMemoryTables();
  const deps: ActivityDeps = {
    turns: createInMemoryTurnStore(tables),
    budgets: createInMemoryBudgetStore(tables),
    effects: createInMemoryEffectStore(tables),
    approvals: createInMemoryApprovalStore(tables),
    files: createInMemoryFileStore(),
    credentials: createInMemoryCredentials(),
    events: createMemoryEventLog(),
    models: { list: () => [model], resolve: () => [model.name], get: () => model, health: () => [] },
    tools: made,
    egress: { fetch: () => Promise.reject(new Error('no network here')) },
    logger: createRecordingLogger().logger,
    metrics: createMetrics().metrics,
    toolTaskQueue: 'tools',
    beginNext: async () => undefined,
  };
  const pinned = made.map(({ name, schemaHash }) => ({ name, schemaHash }));
  const outcome = await deps.turns.accept(
    benchScope,
    aNewTurn({ settings: theSettings({ tools: pinned, ...settings }) }),
  );
  const { turn } = outcome;
  const ref = { tenantId: benchScope.tenantId, turnId: turn.id };
  await deps.events.open(ref, { firstSequence: 0, snapshot: toResponseResource(turn, []) });
  return { deps, steers: createInMemorySteerStore(tables), turn, asked, invoked };
}
