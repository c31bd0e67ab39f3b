/** Proven: turns that wait in a conversation begin once, in order, whoever closes what at the same moment. */
import { expect, it } from 'vitest';
import type { NewTurn, NextTurn } from '../../domain/ports/turn-store.js';
import { MAX_QUEUED_TURNS } from '../../domain/steer.js';
import type { TurnRecord } from '../../domain/turn.js';
import { describeOnDatabases } from '../support/database.js';
import { aStoreBench } from '../support/store-bench.js';
import type { StoreBench } from '../support/store-bench.js';
import { aMessage, anAnswer, aNewTurn, anEnding, aStepCommit } from '../support/turn-builders.js';

const asking = (conversationId: string, text: string, changes: Partial<NewTurn> = {}): NewTurn =>
  aNewTurn({ conversationId, input: [aMessage(text)], onConflict: 'queue', ...changes });

async function ask(bench: StoreBench, turn: NewTurn): Promise<TurnRecord> {
  return (await bench.turns.accept(bench.scope, turn)).turn;
}

/** Answers the running turn; what begins after it. */
async function answer(bench: StoreBench, turnId: string, text: string): Promise<NextTurn | null> {
  const committed = await bench.turns.commitStep(bench.scope, aStepCommit({ turnId, items: [anAnswer(text)] }));
  return committed?.next ?? null;
}

/** Answers whatever runs until nothing follows. @returns the ids in the order in which they ran. */
async function answerAll(bench: StoreBench, first: string): Promise<string[]> {
  const order = [first];
  for (let at: string | undefined = first; at !== undefined;) {
    const next: NextTurn | null = await answer(bench, at, `re: ${at}`);
    at = next?.turn.id;
    if (at !== undefined) order.push(at);
  }
  return order;
}

describeOnDatabases('turn store: turns that wait', (open) => {
  it('queue: a second turn -> waits, and begins after the head when the first is closed', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await ask(bench, asking(conversationId, 'first'));
    const outcome = await bench.turns.accept(bench.scope, asking(conversationId, 'second'));
    expect(outcome).toMatchObject({ kind: 'queued', interrupts: null, turn: { status: 'queued', parentId: null } });
    const { turn: second } = outcome;
    expect(await bench.turns.findQueuePosition(bench.scope, second.id)).toBe(1);
    const next = await answer(bench, first.id, 'one');
    expect(next).toMatchObject({
      turn: { id: second.id, status: 'in_progress', parentId: first.id },
      claim: { attempt: 1, firstSequence: 1e6, committed: null },
    });
    expect(await bench.turns.get(bench.scope, second.id)).toEqual(next?.turn);
    expect(await answer(bench, second.id, 'two')).toBeNull();
    expect(await bench.pathOf(second.id)).toEqual(['first', 'one', 'second', 'two']);
  });

  it('queue: 20 at once -> one runs, all are answered once, in the order of their places, in one line', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        bench.turns.accept(bench.scope, asking(conversationId, `message ${String(index)}`)),
      ),
    );
    const running = outcomes.filter(({ kind }) => kind === 'accepted').map(({ turn }) => turn.id);
    expect(running).toHaveLength(1);
    const places = await Promise.all(
      outcomes.map(async ({ turn }) => ({
        id: turn.id,
        place: (await bench.turns.findQueuePosition(bench.scope, turn.id)) ?? 0,
      })),
    );
    const expected = places.sort((left, right) => left.place - right.place).map(({ id }) => id);
    expect(places.map(({ place }) => place)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    const order = await answerAll(bench, running[0] ?? '');
    expect(order).toEqual(expected);
    const path = await bench.pathOf(order.at(-1) ?? '');
    expect(path).toHaveLength(40);
    expect(path.filter((_text, index) => index % 2 === 1)).toEqual(order.map((id) => `re: ${id}`));
  });

  it('queue: while turns close at the same moment -> none is forgotten', async () => {
    const bench = await aStoreBench(open());
    for (let round = 0; round < 15; round += 1) {
      const conversationId = await bench.aConversation();
      const first = await ask(bench, asking(conversationId, 'first'));
      const [next, late] = await Promise.all([
        round % 2 === 0
          ? answer(bench, first.id, 'one')
          : bench.turns.finish(bench.scope, first.id, anEnding({ status: 'cancelled' })).then((done) => done.next),
        bench.turns.accept(bench.scope, asking(conversationId, 'late')),
      ]);
      // It either waited and was begun by the closing, or came after it and began by itself.
      expect(next?.turn.id ?? null).toBe(late.kind === 'queued' ? late.turn.id : null);
      expect(await bench.turns.get(bench.scope, late.turn.id)).toMatchObject({
        status: 'in_progress',
        parentId: first.id,
      });
    }
  });

  it('queue: more than may wait -> queue-full, and what waits stays', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await ask(bench, asking(conversationId, 'first'));
    for (let place = 1; place <= MAX_QUEUED_TURNS; place += 1) await ask(bench, asking(conversationId, `${place}`));
    await expect(ask(bench, asking(conversationId, 'too many'))).rejects.toMatchObject({
      code: 'conversation.queue-full',
    });
    expect(await answerAll(bench, first.id)).toHaveLength(MAX_QUEUED_TURNS + 1);
  });

  it('queue: the same key and body -> the same turn, waiting or not', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    await ask(bench, asking(conversationId, 'first'));
    const changes = { idempotencyKey: 'k', requestHash: 'h' };
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => bench.turns.accept(bench.scope, asking(conversationId, 'once', changes))),
    );
    expect(new Set(outcomes.map(({ turn }) => turn.id)).size).toBe(1);
    expect(outcomes.filter(({ kind }) => kind === 'queued')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'replayed')).toHaveLength(9);
  });

  it('reject: still the rule without a word, and while others wait', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await ask(bench, asking(conversationId, 'first'));
    await ask(bench, asking(conversationId, 'second'));
    const refused = bench.turns.accept(bench.scope, aNewTurn({ conversationId }));
    await expect(refused).rejects.toMatchObject({ code: 'conversation.busy' });
    await expect(refused).rejects.toThrow(first.id);
  });

  it('interrupt: goes before those that wait, first come first served, and names whom it stops', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await ask(bench, asking(conversationId, 'first'));
    const patient = await ask(bench, asking(conversationId, 'patient'));
    const one = await bench.turns.accept(bench.scope, asking(conversationId, 'now', { onConflict: 'interrupt' }));
    const two = await bench.turns.accept(bench.scope, asking(conversationId, 'no, now', { onConflict: 'interrupt' }));
    expect([one, two]).toMatchObject([
      { kind: 'queued', interrupts: first.id },
      { kind: 'queued', interrupts: first.id },
    ]);
    expect(await bench.turns.findQueuePosition(bench.scope, patient.id)).toBe(3);
    const stopped = await bench.turns.finish(bench.scope, first.id, anEnding({ status: 'cancelled' }));
    expect(stopped.next).toMatchObject({ turn: { id: one.turn.id, parentId: first.id } });
    expect(await answerAll(bench, one.turn.id)).toEqual([one.turn.id, two.turn.id, patient.id]);
  });

  it('cancelQueued: ends it, never runs, keeps the rest in order; what runs is not touched', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const first = await ask(bench, asking(conversationId, 'first'));
    const second = await ask(bench, asking(conversationId, 'second'));
    const third = await ask(bench, asking(conversationId, 'third'));
    expect(await bench.turns.cancelQueued(bench.scope, first.id)).toBeNull();
    expect(await bench.turns.cancelQueued(bench.scope, second.id)).toMatchObject({ status: 'cancelled' });
    expect(await bench.turns.cancelQueued(bench.scope, second.id)).toBeNull();
    expect(await bench.turns.findQueuePosition(bench.scope, third.id)).toBe(1);
    expect(await answerAll(bench, first.id)).toEqual([first.id, third.id]);
    expect(await bench.pathOf(third.id)).not.toContain('second');
  });

  it('cancelQueued: against the closing that would begin it -> it runs or it is cancelled, never both', async () => {
    const bench = await aStoreBench(open());
    for (let round = 0; round < 15; round += 1) {
      const conversationId = await bench.aConversation();
      const first = await ask(bench, asking(conversationId, 'first'));
      const second = await ask(bench, asking(conversationId, 'second'));
      const third = await ask(bench, asking(conversationId, 'third'));
      const [next, cancelled] = await Promise.all([
        answer(bench, first.id, 'one'),
        bench.turns.cancelQueued(bench.scope, second.id),
      ]);
      expect(next?.turn.id).toBe(cancelled === null ? second.id : third.id);
      const { status } = (await bench.turns.get(bench.scope, second.id)) ?? {};
      expect(status).toBe(cancelled === null ? 'in_progress' : 'cancelled');
    }
  });

  it('a parent that was named -> stays; a running one may be named, one that waits may not', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const root = await bench.answered('root', { conversationId });
    const left = await ask(bench, asking(conversationId, 'left'));
    const right = await ask(bench, asking(conversationId, 'right', { parentId: root.id }));
    const after = await ask(bench, asking(conversationId, 'after left', { parentId: left.id }));
    await expect(ask(bench, asking(conversationId, 'no', { parentId: right.id }))).rejects.toMatchObject({
      code: 'response.still-running',
    });
    await answerAll(bench, left.id);
    expect(await bench.pathOf(right.id)).toEqual(['root', 're: root', 'right', `re: ${right.id}`]);
    expect((await bench.pathOf(after.id)).slice(2)).toEqual([
      'left',
      `re: ${left.id}`,
      'after left',
      `re: ${after.id}`,
    ]);
  });

  it('a turn that fails -> the next begins all the same, as if it had not been asked', async () => {
    const bench = await aStoreBench(open());
    const conversationId = await bench.aConversation();
    const root = await bench.answered('root', { conversationId });
    const bad = await ask(bench, asking(conversationId, 'bad'));
    const next = await ask(bench, asking(conversationId, 'next'));
    const error = { code: 'x', message: 'y' };
    const done = await bench.turns.finish(bench.scope, bad.id, anEnding({ status: 'failed', error }));
    expect(done.next).toMatchObject({ turn: { id: next.id, parentId: root.id } });
  });

  it('a turn that waits: cannot be claimed or committed, is no open turn, cannot be deleted', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const conversationId = await bench.aConversation();
    await ask(bench, asking(conversationId, 'first'));
    const second = await ask(bench, asking(conversationId, 'second'));
    await expect(turns.claimStep(scope, { turnId: second.id, step: 1 })).rejects.toThrow('still waits');
    expect(await turns.commitStep(scope, aStepCommit({ turnId: second.id }))).toBeNull();
    expect((await turns.listOpen(-60_000, 1000, null)).map(({ turnId }) => turnId)).not.toContain(second.id);
    await expect(turns.remove(scope, second.id)).rejects.toMatchObject({ code: 'response.still-running' });
    await expect(bench.conversations.remove(scope, conversationId)).rejects.toMatchObject({
      code: 'conversation.busy',
    });
    const exported = await bench.conversations.export(scope, conversationId);
    expect(exported?.turns.map(({ turn }) => turn.id)).not.toContain(second.id);
  });

  it('listStranded, beginNext: a queue behind nothing -> begun once; an interrupted turn that runs -> named', async () => {
    const bench = await aStoreBench(open());
    const { turns, scope } = bench;
    const conversationId = await bench.aConversation();
    const first = await ask(bench, asking(conversationId, 'first'));
    const second = await ask(bench, asking(conversationId, 'second', { onConflict: 'interrupt' }));
    const strandedHere = async (): Promise<unknown[]> =>
      (await turns.listStranded(-60_000, 1000)).filter((each) => each.conversationId === conversationId);
    expect(await strandedHere()).toEqual([
      { tenantId: scope.tenantId, turnId: second.id, conversationId, interrupts: first.id },
    ]);
    expect(await turns.beginNext(scope, conversationId)).toBeNull();
    await open().sqlPool.pool.query(
      `begin; set local role turnstone_app; set local turnstone.tenant = '${scope.tenantId}'; set local turnstone.principal = '*';
       update turns set status = 'failed', completed_at = now() where id = '${first.id}'; commit`,
    );
    expect(await strandedHere()).toMatchObject([{ turnId: second.id, interrupts: null }]);
    const begun = await Promise.all([turns.beginNext(scope, conversationId), turns.beginNext(scope, conversationId)]);
    expect(begun.filter((next) => next !== null)).toMatchObject([{ turn: { id: second.id } }]);
  });
});
