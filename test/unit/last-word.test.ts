/** Proves that a model which is asked for its last word, and calls tools all the same, ends the turn and not the server. */
import { describe, expect, it } from 'vitest';
import { runModelStep } from '../../activities/model-step.js';
import { anAcceptedTurn, benchScope as scope, callChunks } from '../support/activity-bench.js';

describe('the last word of a turn', () => {
  it('a model that calls a tool although none is offered: the call is dropped, the turn ends incomplete', async () => {
    const bench = await anAcceptedTurn(
      [[{ type: 'text-delta', text: 'once more' }, ...callChunks('look')]],
      [{ name: 'look' }],
    );
    const { deps, turn } = bench;
    const { id: turnId, conversationId, requestId } = turn;
    const ids = { tenantId: scope.tenantId, turnId, conversationId, requestId };
    const run = { signal: new AbortController().signal, log: deps.logger, engineAttempt: 1 };
    const input = { ...ids, step: 1, remainingMs: 10_000, wrapUp: 'max_steps' as const };
    const result = await runModelStep(deps, scope, input, run, { attempt: 1, firstSequence: 0, committed: null });
    expect(result).toMatchObject({ outcome: 'closed', status: 'incomplete', calls: [] });
    expect(await deps.turns.get(scope, turnId)).toMatchObject({ incompleteReason: 'max_steps' });
    const output = (await deps.turns.output(scope, turnId)).map(({ item }) => item.type);
    expect(output).toEqual(['message']);
    const log = await deps.events.state({ tenantId: scope.tenantId, turnId });
    expect(log?.snapshot.output.map(({ type }) => type)).toEqual(['message']);
  });
});
