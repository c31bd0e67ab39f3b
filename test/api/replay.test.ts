/** Proven: a stream told from the store, after its log was lost, tells what the live one told beside the items: steers and approvals. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { approvalEvent, settledEvent } from '../../domain/approval-event.js';
import type { TurnEvent, TurnEventDraft } from '../../domain/event.js';
import { newId } from '../../domain/ids.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import { internalScope } from '../../domain/scope.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { expectOrderly } from '../support/event-order.js';
import { aCallingStep, anAnswer, anEnding, aNewTurn, aStepCommit, aToolItem } from '../support/turn-builders.js';
import { until } from '../support/until.js';

const scope = { tenantId: 'default', principalId: 'tester', scopes: ['read' as const, 'write' as const] };
const internal = internalScope('default', 'turn');
let api: ApiFixture;
let events: EventLog;
beforeEach(async () => {
  events = createMemoryEventLog();
  api = await startApi({ events });
});
afterEach(() => api.close());

async function streamOf(id: string): Promise<TurnEvent[]> {
  const stream = await api.client().responses.retrieve(id, { stream: true });
  const all: TurnEvent[] = [];
  for await (const event of stream) all.push(event as unknown as TurnEvent);
  return all;
}
/** What it tells beside items, with the number of items that were begun before it. */
function asides(stream: readonly TurnEvent[]): unknown[] {
  let begun = 0;
  return stream.flatMap((event) => {
    if (event.type === 'response.output_item.added') begun += 1;
    const { sequence_number: _number, ...draft } = event;
    return event.type.startsWith('turnstone:') ? [{ begun, ...draft }] : [];
  });
}

describe('a stream told from the store', () => {
  it('of a turn that messages joined -> tells them where the live stream did', async () => {
    const { id } = (await api.request('POST', '/v1/responses', { input: 'wait', background: true })).json;
    await until(async () => api.engine.started.some(({ input }) => input.turnId === id), 'the turn has begun');
    await api.request('POST', `/v1/responses/${id}/steer`, { input: 'one more thing' });
    await api.request('POST', `/v1/responses/${id}/steer`, { input: 'and another' });
    api.engine.release();
    const live = await streamOf(id);
    await events.close();
    const replayed = await streamOf(id);
    expect(asides(live)).toMatchObject([
      { type: 'turnstone:steer.picked_up', begun: 1, before_output_index: 1 },
      { type: 'turnstone:steer.picked_up', begun: 1, before_output_index: 1 },
    ]);
    expect(asides(replayed)).toEqual(asides(live));
    expect(replayed.at(-1)).toEqual(live.at(-1));
    expectOrderly([...replayed.slice(0, -1), { ...live.at(-1), sequence_number: replayed.length - 1 }]);
  });

  it('of a turn that asked a person -> tells what was asked and decided, and by the same events', async () => {
    const { turns, approvals } = api.deps;
    const { turn } = await turns.accept(scope, aNewTurn());
    const turnId = turn.id;
    await turns.commitStep(internal, aCallingStep(turnId, aToolItem({ name: 'send_mail', status: 'completed' })));
    const call = { callIndex: 0, argumentsHash: 'a'.repeat(64), because: 'rule', standing: false } as const;
    const opening = { turnId, step: 1, mode: 'wait', withinMs: 60_000 } as const;
    const [opened] = await approvals.open(internal, {
      ...opening,
      calls: [{ ...call, approvalId: newId('approval') }],
    });
    if (opened === undefined) throw new Error('nothing was opened');
    await api.request('POST', `/v1/approvals/${opened.approval.id}`, { decision: 'deny', reason: 'not today' });
    await turns.claimStep(internal, { turnId, step: 2 });
    const items = [anAnswer('Then not.')];
    await turns.commitStep(internal, aStepCommit({ turnId, step: 2, items, ending: anEnding() }));
    const decided = await approvals.get(scope, opened.approval.id);
    if (decided === null) throw new Error('there is no such approval');
    const said: readonly TurnEventDraft[] = [approvalEvent('requested', opened.approval), settledEvent(decided)];
    const replayed = await streamOf(turnId);
    expect(asides(replayed)).toEqual(said.map((draft) => ({ begun: 2, ...draft })));
    expectOrderly(replayed);
  });
});
