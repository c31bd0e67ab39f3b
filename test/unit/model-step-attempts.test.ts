/** Proven: what a step does with calls it may not make any more, and that a reader never keeps what an overtaken attempt wrote. */
import { describe, expect, it } from 'vitest';
import { finishTurn } from '../../activities/finish-turn.js';
import { runModelStep } from '../../activities/model-step.js';
import type { TurnEvent } from '../../domain/event.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import type { ModelChunk } from '../../domain/ports/model.js';
import { anAcceptedTurn, answerChunks, benchScope, callChunks } from '../support/activity-bench.js';
import { shownText } from '../support/started-product.js';
import { silentLogger } from '../support/silent-logger.js';

const run = { signal: new AbortController().signal, log: silentLogger, engineAttempt: 1 };

const idsOf = (turnId: string): { tenantId: string; turnId: string; conversationId: null; requestId: string } => ({
  tenantId: benchScope.tenantId,
  turnId,
  conversationId: null,
  requestId: 'req_1',
});

async function eventsOf(events: EventLog, turnId: string): Promise<TurnEvent[]> {
  const read: TurnEvent[] = [];
  const options = { after: -1, signal: new AbortController().signal };
  for await (const event of events.read({ tenantId: benchScope.tenantId, turnId }, options)) read.push(event);
  return read;
}

describe('a step that ends the turn', () => {
  it('the limit is reached and the model asks for a tool all the same -> incomplete, nothing is run or shown', async () => {
    const { deps, turn, invoked } = await anAcceptedTurn([callChunks('look')], [{ name: 'look' }]);
    const input = { ...idsOf(turn.id), step: 1, remainingMs: 10_000, wrapUp: 'max_steps' as const };
    const result = await runModelStep(deps, benchScope, input, run, null);
    expect(result).toMatchObject({ outcome: 'closed', status: 'incomplete', calls: [] });
    expect(invoked).toEqual([]);
    expect(await deps.turns.output(benchScope, turn.id)).toEqual([]);
    const closed = { status: 'incomplete', incompleteReason: 'max_steps' };
    expect(await deps.turns.get(benchScope, turn.id)).toMatchObject(closed);
  });

  it('the answer is cut in the middle of a call -> incomplete, the call is shown as not run', async () => {
    const cut: ModelChunk[] = [
      { type: 'tool-call-start', index: 0, callId: 'call_0', name: 'look' },
      { type: 'tool-call-delta', index: 0, arguments: '{"where": "he' },
      { type: 'finish', reason: 'length' },
    ];
    const { deps, turn, invoked } = await anAcceptedTurn([cut], [{ name: 'look' }]);
    const input = { ...idsOf(turn.id), step: 1, remainingMs: 10_000 };
    const result = await runModelStep(deps, benchScope, input, run, null);
    expect(result).toMatchObject({ outcome: 'closed', status: 'incomplete', calls: [] });
    expect(invoked).toEqual([]);
    const [stored] = await deps.turns.output(benchScope, turn.id);
    const output = expect.stringContaining('Not run') as string;
    expect(stored?.item).toMatchObject({ name: 'look', status: 'failed', output });
    const events = await eventsOf(deps.events, turn.id);
    const done = events.findLast((event) => event.type === 'response.output_item.done');
    expect(done).toMatchObject({ item: stored?.item });
  });
});

describe('an attempt that is overtaken', () => {
  it('it writes between the look and the first event of the next attempt -> what it wrote is reset', async () => {
    const { deps, turn } = await anAcceptedTurn([answerChunks('old text'), answerChunks('new text')]);
    const input = { ...idsOf(turn.id), step: 1, remainingMs: 10_000 };
    // The newer attempt looks at the log; before it writes, the older one runs to its end.
    let looked = 0;
    const events: EventLog = {
      ...deps.events,
      async state(ref) {
        const state = await deps.events.state(ref);
        looked += 1;
        if (looked === 1)
          await expect(runModelStep(deps, benchScope, input, run, claimed)).rejects.toThrow('overtaken');
        return state;
      },
    };
    const claimed = await deps.turns.claimStep(benchScope, { turnId: turn.id, step: 1 });
    await runModelStep({ ...deps, events }, benchScope, input, run, null);
    expect(shownText(await eventsOf(deps.events, turn.id))).toBe('new text');
  });
});

describe('a turn that is closed from outside', () => {
  it('an attempt had shown more than it stored -> that is taken back before the terminal event', async () => {
    const { deps, turn } = await anAcceptedTurn([]);
    const ref = { tenantId: benchScope.tenantId, turnId: turn.id };
    const item = { type: 'message', id: 'msg_1', role: 'assistant', status: 'in_progress', content: [] } as const;
    const shown = { type: 'response.output_item.added', output_index: 0, item } as const;
    await deps.events.append(ref, { part: 'step/1', attempt: 1 }, [shown]);
    await finishTurn(deps, benchScope, turn.id, { status: 'cancelled', incompleteReason: null, error: null });
    const events = await eventsOf(deps.events, turn.id);
    expect(events.slice(-2)).toMatchObject([
      { type: 'turnstone:step.reset', step: null, output_index: 0 },
      { type: 'response.incomplete', response: { output: [] } },
    ]);
  });
});
