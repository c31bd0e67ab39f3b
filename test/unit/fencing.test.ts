/**
 * Proves that an attempt which was overtaken changes nothing: a process that stood still for a minute wakes up in the middle
 * of a step or a call, and neither its events nor its writes count. What it used is paid for all the same.
 */
import { describe, expect, it } from 'vitest';
import { runModelStep } from '../../activities/model-step.js';
import { runToolCall } from '../../activities/tool-run.js';
import type { TurnEvent } from '../../domain/event.js';
import { isTerminalEvent } from '../../domain/event.js';
import type { LanguageModel, ModelChunk } from '../../domain/ports/model.js';
import type { FileRecord } from '../../domain/ports/file-store.js';
import { ownerScope } from '../../domain/scope.js';
import type { CallModelResult } from '../../domain/turn-contract.js';
import { anAcceptedTurn, answerChunks, benchScope as scope, callChunks } from '../support/activity-bench.js';
import type { ActivityBench } from '../support/activity-bench.js';
import { until } from '../support/until.js';

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

function aGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** The first call of the model stands still at the gate, after or before its first word; the second answers at once. */
async function withSleeper(gate: Gate, saysFirst: boolean): Promise<ActivityBench> {
  const bench = await anAcceptedTurn([]);
  let calls = 0;
  const model: LanguageModel = {
    name: 'fake/model',
    provider: 'fake',
    contextWindow: 100_000,
    prices: null,
    demo: false,
    async *stream(): AsyncGenerator<ModelChunk> {
      calls += 1;
      if (calls > 1) {
        yield* answerChunks('the new answer');
        return;
      }
      if (saysFirst) yield { type: 'text-delta', text: 'the old ' };
      await gate.opened;
      yield { type: 'text-delta', text: 'late words' };
      yield {
        type: 'usage',
        usage: { inputTokens: 7, cachedTokens: 0, outputTokens: 5, reasoningTokens: 0, estimated: false },
      };
      yield { type: 'finish', reason: 'stop' };
    },
  };
  const models = { list: () => [model], resolve: () => [model.name], get: () => model, health: () => [] };
  return { ...bench, deps: { ...bench.deps, models } };
}

function step(bench: ActivityBench, claimed: Parameters<typeof runModelStep>[4]): Promise<CallModelResult> {
  const { id: turnId, conversationId, requestId } = bench.turn;
  const input = { tenantId: scope.tenantId, turnId, conversationId, requestId, step: 1, remainingMs: 10_000 };
  const run = { signal: new AbortController().signal, log: bench.deps.logger, engineAttempt: 1 };
  return runModelStep(bench.deps, scope, input, run, claimed);
}

async function eventsOf({ deps, turn }: ActivityBench): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  const options = { after: -1, signal: AbortSignal.timeout(5_000) };
  for await (const event of deps.events.read({ tenantId: scope.tenantId, turnId: turn.id }, options))
    events.push(event);
  return events;
}

const ACCEPTED = { attempt: 1, firstSequence: 0, committed: null };

describe('an attempt that was overtaken', () => {
  it.each([true, false])(
    'a model step that wakes up (had it said something: %s): not a word of it',
    async (saysFirst) => {
      const gate = aGate();
      const bench = await withSleeper(gate, saysFirst);
      const ref = { tenantId: scope.tenantId, turnId: bench.turn.id };
      const late = step(bench, ACCEPTED).then(
        () => 'committed',
        (error: unknown) => (error as { code?: string }).code,
      );
      if (saysFirst)
        await until(async () => (await bench.deps.events.state(ref))?.snapshot.output[0], 'its first words');
      expect(await step(bench, null)).toMatchObject({ outcome: 'closed', status: 'completed' });
      gate.open();
      expect(await late).toBe('turn.stale-attempt');
      const events = await eventsOf(bench);
      expect(events.filter(isTerminalEvent)).toHaveLength(1);
      expect(JSON.stringify(events)).not.toContain('late words');
      const stored = await bench.deps.turns.output(scope, bench.turn.id);
      expect(JSON.stringify(stored)).toContain('the new answer');
      expect(stored).toHaveLength(1);
    },
  );

  it('its call to the provider: on the ledger, once', async () => {
    const gate = aGate();
    const bench = await withSleeper(gate, true);
    const booked: number[] = [];
    const turns = {
      ...bench.deps.turns,
      recordCalls: async (...[, { attempt, modelCalls }]: Parameters<typeof bench.deps.turns.recordCalls>) => {
        booked.push(attempt, ...modelCalls.map(({ usage }) => usage.inputTokens));
      },
    };
    const watched = { ...bench, deps: { ...bench.deps, turns } };
    const late = step(watched, ACCEPTED).catch((error: unknown) => error);
    await until(
      async () =>
        (await bench.deps.events.state({ tenantId: scope.tenantId, turnId: bench.turn.id }))?.snapshot.output[0],
      'its first words',
    );
    await step(watched, null);
    gate.open();
    await late;
    expect(booked[0]).toBe(1);
    expect(booked).toHaveLength(2);
  });

  it('a newer attempt that has nothing to say yet: the older one is silent already', async () => {
    const { deps, turn } = await anAcceptedTurn([]);
    const ref = { tenantId: scope.tenantId, turnId: turn.id };
    await deps.events.append(ref, { part: 'step/1', attempt: 2 }, []);
    const draft = { type: 'turnstone:step.reset', step: 1, attempt: 1, output_index: 0, reason: 'late' } as const;
    await expect(deps.events.append(ref, { part: 'step/1', attempt: 1 }, [draft])).rejects.toMatchObject({
      code: 'turn.stale-attempt',
    });
    expect((await deps.events.state(ref))?.lastSequence).toBe(-1);
  });

  it('a keyed call that wakes up: its receipt and its stages are refused, the newer one counts', async () => {
    const gate = aGate();
    let calls = 0;
    const keys: string[] = [];
    const saved: string[] = [];
    const bench = await anAcceptedTurn(
      [callChunks('book')],
      [
        {
          name: 'book',
          effect: 'keyed',
          invoke: async (_input, { idempotencyKey, progress, files }) => {
            calls += 1;
            keys.push(idempotencyKey);
            const save = async (): Promise<FileRecord> => {
              const file = { filename: 'a.txt', mimeType: 'text/plain', content: new Uint8Array([1]) };
              const record = await files.save(file);
              saved.push(record.id);
              return record;
            };
            if (calls > 1) return { text: 'booked', files: [await save()] };
            await gate.opened;
            progress('late stage');
            return { text: 'booked late', files: [await save()] };
          },
        },
      ],
    );
    const { id: turnId, conversationId, requestId } = bench.turn;
    const ids = { tenantId: scope.tenantId, turnId, conversationId, requestId };
    const run = { signal: new AbortController().signal, log: bench.deps.logger, engineAttempt: 1 };
    await runModelStep(bench.deps, scope, { ...ids, step: 1, remainingMs: 10_000 }, run, ACCEPTED);
    const input = { ...ids, step: 1, callIndex: 0, remainingMs: 10_000 };
    const late = runToolCall(bench.deps, scope, input, run).catch(
      (error: unknown) => (error as { code?: string }).code,
    );
    await until(() => calls === 1, 'the first attempt is in its tool');
    expect(await runToolCall(bench.deps, scope, input, run)).toMatchObject({ status: 'completed', preview: 'booked' });
    gate.open();
    expect(await late).toBe('turn.stale-attempt');
    expect(new Set(keys).size).toBe(1);
    // Of the two files the late one's is gone.
    const owner = ownerScope(bench.turn);
    const [kept, dropped] = await Promise.all(saved.map((id) => bench.deps.files.get(owner, id)));
    expect([kept?.id, dropped]).toEqual([saved[0], null]);
    const state = await bench.deps.events.state({ tenantId: scope.tenantId, turnId });
    expect(JSON.stringify(state?.snapshot)).not.toContain('late');
    expect(JSON.stringify(await bench.deps.turns.output(scope, turnId))).toContain('booked');
  });
});
