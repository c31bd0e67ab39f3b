/** Proves what one tool call does with everything that can go wrong: what becomes a result, what is tried again, what is never repeated. */
import { describe, expect, it } from 'vitest';
import { runModelStep } from '../../activities/model-step.js';
import { runToolCall } from '../../activities/tool-run.js';
import type { StopReason } from '../../activities/activity-deps.js';
import { failure } from '../../domain/failures.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import type { RunToolResult, TurnIds } from '../../domain/turn-contract.js';
import { anAcceptedTurn, benchScope as scope, callChunks } from '../support/activity-bench.js';
import type { ActivityBench } from '../support/activity-bench.js';

interface CallOptions {
  readonly engineAttempt?: number;
  readonly remainingMs?: number;
  readonly refused?: 'max_tool_calls';
  readonly signal?: AbortSignal;
}

function idsOf({ turn }: ActivityBench): TurnIds {
  return { tenantId: scope.tenantId, turnId: turn.id, conversationId: turn.conversationId, requestId: turn.requestId };
}

/** A turn whose model has just asked for one call of the tool. */
async function calling(tool: Partial<Tool>, name = 'look'): Promise<ActivityBench> {
  const bench = await anAcceptedTurn([callChunks(name)], [{ name: 'look', ...tool }]);
  const input = { ...idsOf(bench), step: 1, remainingMs: 10_000 };
  const run = { signal: new AbortController().signal, log: bench.deps.logger, engineAttempt: 1 };
  await runModelStep(bench.deps, scope, input, run, { attempt: 1, firstSequence: 0, committed: null });
  return bench;
}

function call(bench: ActivityBench, options: CallOptions = {}): Promise<RunToolResult> {
  const { deps } = bench;
  const place = { ...idsOf(bench), step: 1, callIndex: 0 };
  const { refused, remainingMs = 10_000, signal = new AbortController().signal, engineAttempt = 1 } = options;
  const input = { ...place, remainingMs, ...(refused === undefined ? {} : { refused }) };
  return runToolCall(deps, scope, input, { signal, log: deps.logger, engineAttempt });
}

async function toldTo(bench: ActivityBench): Promise<string> {
  const context = await bench.deps.turns.loadContext(scope, bench.turn.id);
  return context?.toolCalls[0]?.result ?? '';
}

const failing = (error: Error): Partial<Tool> => ({ invoke: () => Promise.reject(error) });

describe('tool call', () => {
  it('completed: the receipt is kept, and a second run answers with it without running the tool', async () => {
    const bench = await calling({});
    const first = await call(bench);
    expect(await call(bench)).toEqual(first);
    expect(bench.invoked).toHaveLength(1);
  });

  it.each<[string, Partial<Tool>, string, RegExp]>([
    ['an unknown tool', {}, 'nothing', /There is no tool "nothing"\. Tools of this turn: look/],
    [
      'a tool that needs approval nobody was asked for',
      { approval: 'ask' },
      'look',
      /tool\.not-approved.*nobody was asked/,
    ],
    ['a tool that cannot run here', { unavailable: () => 'install bubblewrap' }, 'look', /install bubblewrap/],
    [
      'arguments it refuses',
      failing(failure('tool.invalid-arguments', '`url` is missing')),
      'look',
      /`url` is missing/,
    ],
    ['a tool that throws', failing(new TypeError('of undefined')), 'look', /tool\.failed.*of undefined/],
  ])('%s: a failed result that tells the model what to do', async (_what, tool, name, told) => {
    const bench = await calling(tool, name);
    expect((await call(bench)).status).toBe('failed');
    expect(await toldTo(bench)).toMatch(told);
  });

  it('refused by a limit: not run, and the model is told which', async () => {
    const bench = await calling({});
    expect((await call(bench, { refused: 'max_tool_calls' })).status).toBe('failed');
    expect(bench.invoked).toEqual([]);
    expect(await toldTo(bench)).toMatch(/limit of tool calls/);
  });

  it('changed since the turn began: not run', async () => {
    const bench = await calling({});
    const tools = bench.deps.tools.map((tool) => ({ ...tool, schemaHash: 'another' }));
    expect((await call({ ...bench, deps: { ...bench.deps, tools } })).status).toBe('failed');
    expect(bench.invoked).toEqual([]);
    expect(await toldTo(bench)).toMatch(/changed after this turn began/);
  });

  it('a failure that may pass: thrown for the engine to try again, until the attempts are used up', async () => {
    const bench = await calling({ attempts: 2, ...failing(failure('egress.timeout', 'no answer')) });
    await expect(call(bench, { engineAttempt: 1 })).rejects.toMatchObject({ code: 'egress.timeout' });
    expect((await call(bench, { engineAttempt: 2 })).status).toBe('failed');
  });

  it('an unkeyed tool: a failure that may pass is a result at once, because it may have taken effect', async () => {
    const bench = await calling({ effect: 'unkeyed', ...failing(failure('egress.timeout', 'no answer')) });
    expect((await call(bench)).status).toBe('failed');
  });

  it('an unkeyed tool whose process was lost in the middle: outcome unknown, not run again', async () => {
    const lost = new AbortController();
    const bench = await calling({
      effect: 'unkeyed',
      invoke: async () => {
        lost.abort('lost' satisfies StopReason);
        return new Promise(() => undefined);
      },
    });
    await expect(call(bench, { signal: lost.signal })).rejects.toBeDefined();
    const again = await call(bench);
    expect(again.status).toBe('outcome_unknown');
    expect(await toldTo(bench)).toMatch(/not known whether/);
  });

  it('a tool that never ends: stopped at its timeout although it ignores its signal', async () => {
    const bench = await calling({ timeoutMs: 30, attempts: 1, invoke: () => new Promise(() => undefined) });
    expect((await call(bench)).status).toBe('failed');
    expect(await toldTo(bench)).toMatch(/tool\.timeout/);
  });

  it('an unkeyed tool stopped under way, by its timeout or a cancel: nobody knows whether it took effect', async () => {
    const slow = await calling({ effect: 'unkeyed', timeoutMs: 30, invoke: () => new Promise(() => undefined) });
    expect((await call(slow)).status).toBe('outcome_unknown');
    expect(await toldTo(slow)).toMatch(/not known whether.*took too long/);
    const cancel = new AbortController();
    const stopped = await calling({
      effect: 'unkeyed',
      invoke: async () => {
        cancel.abort('cancel' satisfies StopReason);
        return new Promise(() => undefined);
      },
    });
    expect((await call(stopped, { signal: cancel.signal })).status).toBe('outcome_unknown');
    expect(await toldTo(stopped)).toMatch(/not known whether.*cancelled/);
  });

  it('an unkeyed tool cancelled before it was begun: cancelled, and never run', async () => {
    const bench = await calling({ effect: 'unkeyed' });
    const signal = AbortSignal.abort('cancel' satisfies StopReason);
    expect((await call(bench, { signal })).status).toBe('cancelled');
    expect(bench.invoked).toEqual([]);
  });

  it('a cancel: the call ends as cancelled', async () => {
    const cancel = new AbortController();
    const bench = await calling({
      invoke: async () => {
        cancel.abort('cancel' satisfies StopReason);
        return new Promise(() => undefined);
      },
    });
    expect((await call(bench, { signal: cancel.signal })).status).toBe('cancelled');
  });

  it('equal results of equal calls: the same repeat key; wrong calls count together whatever they said', async () => {
    const keys = await Promise.all(
      [calling({}), calling({})].map(async (bench) => (await call(await bench)).repeatKey),
    );
    expect(new Set(keys).size).toBe(1);
    const wrong = await Promise.all(
      ['no a', 'no b'].map(async (message) => call(await calling(failing(failure('tool.invalid-arguments', message))))),
    );
    expect(new Set(wrong.map((result) => result.repeatKey)).size).toBe(1);
  });
});
