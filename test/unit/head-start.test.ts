/**
 * Proves what the head start may do ahead of the workflow and what not: it is adopted instead of done twice, it stops where
 * the workflow has something to decide, and where the workflow has caught up.
 */
import { describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../activities/activity-deps.js';
import { createHeadStart } from '../../activities/head-start.js';
import type { HeadStart } from '../../activities/head-start.js';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { failure } from '../../domain/failures.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { LanguageModel, ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import { toResponseResource } from '../../domain/response-resource.js';
import type { TurnRecord, TurnSettings } from '../../domain/turn.js';
import { createMetrics } from '../../adapters/prometheus/create-metrics.js';
import { aFakeTool } from '../support/api-fakes.js';
import { createInMemoryFileStore } from '../support/in-memory-stores.js';
import { createMemoryTables } from '../support/in-memory-stores-tables.js';
import { createInMemoryTurnStore } from '../support/in-memory-stores-turns.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { aScope } from '../support/scope-builders.js';
import { aNewTurn, theSettings } from '../support/turn-builders.js';
import { until } from '../support/until.js';

const scope = aScope();
const answer = (text: string): ModelChunk[] => [
  { type: 'text-delta', text },
  { type: 'finish', reason: 'stop' },
];
const calls = (...names: string[]): ModelChunk[] => [
  ...names.flatMap((name, index): ModelChunk[] => [
    { type: 'tool-call-start', index, callId: `call_${index}`, name },
    { type: 'tool-call-delta', index, arguments: '{}' },
  ]),
  { type: 'finish', reason: 'tool_calls' },
];

interface Bench {
  readonly headStart: HeadStart;
  readonly deps: ActivityDeps;
  readonly turn: TurnRecord;
  readonly asked: readonly ModelRequest[];
  readonly invoked: readonly string[];
}

/** A turn that is accepted and whose model gives these answers, step by step. */
async function accepted(
  answers: readonly ModelChunk[][],
  tools: readonly Partial<Tool>[] = [],
  settings: Partial<TurnSettings> = {},
): Promise<Bench> {
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
      yield* answers[asked.length - 1] ?? answer('no more');
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
  const deps: ActivityDeps = {
    turns: createInMemoryTurnStore(createMemoryTables()),
    files: createInMemoryFileStore(),
    events: createMemoryEventLog(),
    models: { list: () => [model], resolve: () => [model.name], get: () => model, health: () => [] },
    tools: made,
    egress: { fetch: () => Promise.reject(new Error('no network here')) },
    logger: createRecordingLogger().logger,
    metrics: createMetrics().metrics,
    toolTaskQueue: 'tools',
  };
  const pinned = made.map(({ name, schemaHash }) => ({ name, schemaHash }));
  const outcome = await deps.turns.accept(scope, aNewTurn({ settings: theSettings({ tools: pinned, ...settings }) }));
  const { turn } = outcome;
  const ref = { tenantId: scope.tenantId, turnId: turn.id };
  await deps.events.open(ref, { firstSequence: 0, snapshot: toResponseResource(turn, []) });
  return { headStart: createHeadStart(deps), deps, turn, asked, invoked };
}

const statusOf = async ({ deps, turn }: Bench): Promise<string | undefined> =>
  (await deps.turns.get(scope, turn.id))?.status;

describe('head start', () => {
  it('plain turn: answered before any activity comes; the activity adopts the result', async () => {
    const bench = await accepted([answer('hello')]);
    bench.headStart.begin(scope, bench.turn);
    await until(async () => (await statusOf(bench)) === 'completed', 'the turn is answered');
    const adopted = bench.headStart.adoptStep(bench.turn.id, 1);
    expect(await adopted?.result).toMatchObject({ outcome: 'closed', status: 'completed' });
    expect(bench.headStart.adoptStep(bench.turn.id, 1)).toBeNull();
    expect(bench.asked).toHaveLength(1);
  });

  it('calls of a tool that only reads: run ahead, then the next step; each is adopted once', async () => {
    const bench = await accepted([calls('look', 'look'), answer('I see')], [{ name: 'look' }]);
    bench.headStart.begin(scope, bench.turn);
    await until(async () => (await statusOf(bench)) === 'completed', 'the turn is answered');
    expect(bench.invoked).toEqual(['look', 'look']);
    const { turn, headStart } = bench;
    expect(await headStart.adoptStep(turn.id, 1)?.result).toMatchObject({ outcome: 'calls' });
    expect(await headStart.adoptCall(turn.id, 1, 0)?.result).toMatchObject({ status: 'completed' });
    expect(await headStart.adoptCall(turn.id, 1, 1)?.result).toMatchObject({ status: 'completed' });
    expect(await headStart.adoptStep(turn.id, 2)?.result).toMatchObject({ outcome: 'closed' });
  });

  it.each<[string, Partial<Tool>]>([
    ['changes something', { effect: 'keyed' }],
    ['changes something once', { effect: 'unkeyed' }],
    ['may need approval', { approval: 'ask' }],
    ['reaches the network', { egress: true }],
  ])('a tool that %s: is left to the workflow', async (_what, change) => {
    const bench = await accepted([calls('look')], [{ name: 'look', ...change }]);
    bench.headStart.begin(scope, bench.turn);
    const first = await bench.headStart.adoptStep(bench.turn.id, 1)?.result;
    expect(first?.calls).toHaveLength(1);
    await bench.headStart.close();
    expect(bench.invoked).toEqual([]);
    expect(bench.headStart.adoptCall(bench.turn.id, 1, 0)).toBeNull();
  });

  it('one harmless call beside one that is not: neither runs ahead', async () => {
    const bench = await accepted([calls('look', 'send')], [{ name: 'look' }, { name: 'send', effect: 'unkeyed' }]);
    bench.headStart.begin(scope, bench.turn);
    await bench.headStart.adoptStep(bench.turn.id, 1)?.result;
    await bench.headStart.close();
    expect(bench.invoked).toEqual([]);
  });

  it('a limit: the workflow’s wrap-up is not run ahead', async () => {
    const limits = { ...DEFAULT_LIMITS, maxSteps: 1 };
    const bench = await accepted([calls('look'), answer('too far')], [{ name: 'look' }], { limits });
    bench.headStart.begin(scope, bench.turn);
    await bench.headStart.adoptStep(bench.turn.id, 1)?.result;
    await bench.headStart.adoptCall(bench.turn.id, 1, 0)?.result;
    await bench.headStart.close();
    expect(bench.asked).toHaveLength(1);
  });

  it('the workflow has caught up: the head start begins nothing more', async () => {
    const seen = { resolve: (): void => undefined };
    const hold = new Promise<void>((resolve) => {
      seen.resolve = resolve;
    });
    const slow = async (): Promise<{ text: string }> => {
      await hold;
      return { text: 'seen' };
    };
    const bench = await accepted([calls('look'), answer('twice')], [{ name: 'look', invoke: slow }]);
    bench.headStart.begin(scope, bench.turn);
    await bench.headStart.adoptStep(bench.turn.id, 1)?.result;
    const call = bench.headStart.adoptCall(bench.turn.id, 1, 0);
    // The activity of step 2 is already there: it does the step itself.
    expect(bench.headStart.adoptStep(bench.turn.id, 2)).toBeNull();
    seen.resolve();
    await call?.result;
    await bench.headStart.close();
    expect(bench.asked).toHaveLength(1);
  });

  it('a cancel: ends the head start, the turn is closed as cancelled with what there was', async () => {
    const bench = await accepted([]);
    const begun = { resolve: (): void => undefined };
    const waiting = new Promise<void>((resolve) => {
      begun.resolve = resolve;
    });
    const model = bench.deps.models.get('fake/model');
    if (model === null) throw new Error('no model');
    Object.assign(model, {
      async *stream(_request: ModelRequest, signal: AbortSignal) {
        yield { type: 'text-delta', text: 'half' } satisfies ModelChunk;
        begun.resolve();
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        throw failure('turn.cancelled', 'aborted');
      },
    });
    bench.headStart.begin(scope, bench.turn);
    await waiting;
    await bench.deps.events.requestCancel({ tenantId: scope.tenantId, turnId: bench.turn.id });
    await until(async () => (await statusOf(bench)) === 'cancelled', 'the turn is cancelled');
    const [item] = await bench.deps.turns.output(scope, bench.turn.id);
    expect(item?.item).toMatchObject({ type: 'message', status: 'incomplete', content: [{ text: 'half' }] });
  });

  it('a shutdown: closes no turn', async () => {
    const bench = await accepted([calls('look')], [{ name: 'look', egress: true }]);
    bench.headStart.begin(scope, bench.turn);
    await bench.headStart.close();
    expect(await statusOf(bench)).toBe('in_progress');
  });
});
