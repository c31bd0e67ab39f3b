/**
 * Proves what the head start may do ahead of the workflow and what not: it is adopted instead of done twice, it stops where
 * the workflow has something to decide, and where the workflow has caught up.
 */
import { describe, expect, it } from 'vitest';
import { acceptedClaim, createHeadStart } from '../../activities/head-start.js';
import type { HeadStart } from '../../activities/head-start.js';
import { failure } from '../../domain/failures.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { ModelChunk, ModelRequest } from '../../domain/ports/model.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import {
  anAcceptedTurn,
  answerChunks as answer,
  benchScope as scope,
  callChunks as calls,
} from '../support/activity-bench.js';
import type { ActivityBench } from '../support/activity-bench.js';
import { until } from '../support/until.js';

interface Bench extends ActivityBench {
  readonly headStart: HeadStart;
}

async function accepted(...given: Parameters<typeof anAcceptedTurn>): Promise<Bench> {
  const bench = await anAcceptedTurn(...given);
  return { ...bench, headStart: createHeadStart(bench.deps) };
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

  it('what the acceptance knew of the turn: is not read again', async () => {
    const bench = await accepted([answer('hello')]);
    const context = (await bench.deps.turns.loadContext(scope, bench.turn.id)) ?? undefined;
    const turns = { ...bench.deps.turns, loadContext: () => Promise.reject(new Error('read again')) };
    const ahead = createHeadStart({ ...bench.deps, turns }).begin(scope, bench.turn, acceptedClaim(context));
    expect(await ahead?.ended).toMatchObject({ status: 'completed', state: { step: 1 } });
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
