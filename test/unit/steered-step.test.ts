/** Proves what a model step does with messages that came while the turn ran: it reads them in place, says so, and goes on. */
import { describe, expect, it } from 'vitest';
import { createHeadStart } from '../../activities/head-start.js';
import { runModelStep } from '../../activities/model-step.js';
import type { TurnEvent } from '../../domain/event.js';
import type { NextTurn } from '../../domain/ports/turn-store.js';
import { anAcceptedTurn, answerChunks, benchScope as scope, callChunks } from '../support/activity-bench.js';
import type { ActivityBench } from '../support/activity-bench.js';
import { aNewSteer } from '../support/turn-builders.js';
import { until } from '../support/until.js';

const refOf = ({ turn }: ActivityBench): { tenantId: string; turnId: string } => ({
  tenantId: scope.tenantId,
  turnId: turn.id,
});

async function step(bench: ActivityBench, number: number, deps = bench.deps): ReturnType<typeof runModelStep> {
  const { id: turnId, conversationId, requestId } = bench.turn;
  const input = { tenantId: scope.tenantId, turnId, conversationId, requestId, step: number, remainingMs: 60_000 };
  const run = { signal: new AbortController().signal, log: deps.logger, engineAttempt: 1 };
  return runModelStep(deps, scope, input, run, null);
}

async function eventsOf(bench: ActivityBench): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  const signal = AbortSignal.timeout(5_000);
  for await (const event of bench.deps.events.read(refOf(bench), { after: -1, signal })) events.push(event);
  return events;
}

/** The texts of the users in what the model was asked. */
const askedIn = (bench: ActivityBench, request: number): string[] =>
  (bench.asked[request]?.messages ?? []).flatMap((message) =>
    message.role === 'user' ? message.parts.map((part) => (part.type === 'text' ? part.text : '')) : [],
  );

describe('a message into a running turn', () => {
  it('while the model answers: the answer stands, the turn goes on, the next step reads the message', async () => {
    const bench = await anAcceptedTurn([answerChunks('done'), answerChunks('really done')]);
    const sent = await bench.steers.add(scope, aNewSteer(bench.turn.id, 'one more thing'));
    // Taken in by the first step's claim it would be read at once: the first step is the one that was accepted.
    const headStart = createHeadStart(bench.deps);
    headStart.begin(scope, bench.turn);
    await until(
      async () => (await bench.deps.turns.get(scope, bench.turn.id))?.status === 'completed',
      'the turn has ended',
    );
    expect(await headStart.adoptStep(bench.turn.id, 1)?.result).toMatchObject({ outcome: 'calls', calls: [] });
    expect(await headStart.adoptStep(bench.turn.id, 2)?.result).toMatchObject({ outcome: 'closed' });
    expect([askedIn(bench, 0), askedIn(bench, 1)]).toEqual([['hello'], ['hello', 'one more thing']]);
    const events = await eventsOf(bench);
    const at = events.findIndex(({ type }) => type === 'turnstone:steer.picked_up');
    const id = sent.kind === 'ended' ? '' : sent.steer.id;
    expect(events[at]).toMatchObject({ steer_id: id, step: 2, before_output_index: 1 });
    expect(events.slice(0, at).at(-1)?.type).toBe('response.output_item.done');
    expect(events.filter(({ type }) => type === 'response.completed')).toHaveLength(1);
  });

  it('while tools run: stands behind their results', async () => {
    const bench = await anAcceptedTurn(
      [callChunks('look'), answerChunks('seen')],
      [{ name: 'look', effect: 'unkeyed' }],
    );
    await step(bench, 1);
    await bench.steers.add(scope, aNewSteer(bench.turn.id, 'look closer'));
    await step(bench, 2);
    expect(bench.asked[1]?.messages.map(({ role }) => role).slice(-4)).toEqual(['user', 'assistant', 'tool', 'user']);
    expect(askedIn(bench, 1)).toEqual(['hello', 'look closer']);
  });

  it('left when the turn ends at its limit: the turn that follows is begun by whoever closed it', async () => {
    const bench = await anAcceptedTurn([
      [
        { type: 'text-delta', text: 'cut' },
        { type: 'finish', reason: 'length' },
      ],
    ]);
    const begun: NextTurn[] = [];
    const beginNext = async (next: NextTurn): Promise<void> => {
      begun.push(next);
    };
    const claimed = bench.deps.turns.claimStep.bind(bench.deps.turns);
    const turns = {
      ...bench.deps.turns,
      // It comes between the claim and the commit.
      claimStep: async (...args: Parameters<typeof claimed>) => {
        const claim = await claimed(...args);
        await bench.steers.add(scope, aNewSteer(bench.turn.id, 'go on'));
        return claim;
      },
    };
    expect(await step(bench, 1, { ...bench.deps, turns, beginNext })).toMatchObject({ status: 'incomplete' });
    expect(begun).toMatchObject([{ turn: { parentId: bench.turn.id, status: 'in_progress' }, claim: { attempt: 1 } }]);
  });
});
