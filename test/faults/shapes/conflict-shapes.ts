/** A second message while a turn runs: it waits, joins, takes over, or is taken back. */
import type { TurnEvent } from '../../../domain/event.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import type { Answered } from '../world/client.js';
import { ask, calls, completedWith, endedAs, newPlanId, readTurn, said, sendTurn } from './shape.js';
import type { CallSpec, Shape, ShapeRun } from './shape.js';

export async function newConversation(run: ShapeRun): Promise<string> {
  const { json } = await ask(run, 'POST', '/v1/conversations', {});
  return (json as { id: string }).id;
}

/** Does something once, at the first event it is for. */
function onceAt<T>(
  isIt: (event: TurnEvent) => boolean,
  begin: (turnId: string) => Promise<T>,
): { readonly onEvent: (event: TurnEvent, turnId: string) => void; readonly begun: () => Promise<T | null> } {
  const begun: Promise<T>[] = [];
  return {
    onEvent: (event, turnId) => {
      if (begun.length === 0 && isIt(event)) begun.push(begin(turnId));
    },
    begun: async () => (begun[0] === undefined ? null : begun[0]),
  };
}

const isText = ({ type }: TurnEvent): boolean => type === 'response.output_text.delta';
const isItem = ({ type }: TurnEvent): boolean => type === 'response.output_item.added';

/** @param first how the turn that was there may end. */
function secondMessage(onConflict: 'queue' | 'interrupt', first: (planId: string) => CheckedTurn['expected']): Shape {
  return {
    name: onConflict,
    async run(run) {
      const conversation = await newConversation(run);
      const [planId, second] = [newPlanId(run), newPlanId(run)];
      const next = onceAt(isText, () => {
        const body = { conversation, turnstone: { on_conflict: onConflict } };
        return sendTurn(run, {
          planId: second,
          steps: [{ reply: said(second) }],
          body,
          expected: completedWith(second),
        });
      });
      const { onEvent } = next;
      const steps = [{ reply: said(planId, 60) }];
      const before = await sendTurn(run, { planId, steps, body: { conversation }, expected: first(planId), onEvent });
      const after = await next.begun();
      return after === null ? [before] : [before, after];
    },
  };
}

/** A message that waits is taken back: it never runs, or it ran because the turn before it was over first. */
const queueCancel: Shape = {
  name: 'queue-cancel',
  async run(run) {
    const conversation = await newConversation(run);
    const [planId, second] = [newPlanId(run), newPlanId(run)];
    const next = onceAt(isText, () => {
      const waits = onceAt<Answered>(
        () => true,
        (id) => ask(run, 'POST', `/v1/responses/${id}/cancel`),
      );
      return sendTurn(run, {
        planId: second,
        steps: [{ reply: said(second) }],
        body: { conversation, turnstone: { on_conflict: 'queue' } },
        onEvent: waits.onEvent,
        expected: endedAs('cancelled', 'completed'),
      });
    });
    const steps = [{ reply: said(planId, 60) }];
    const { onEvent } = next;
    const sent = { planId, steps, body: { conversation }, expected: completedWith(planId), onEvent };
    const before = await sendTurn(run, sent);
    const after = await next.begun();
    return after === null ? [before] : [before, after];
  },
};

/** As many answers as there may be turns and steps: a turn may have to go on for a message, or the message be alone. */
export const answersFor = (planId: string): readonly { readonly reply: ReturnType<typeof said> }[] =>
  Array.from({ length: 3 }, () => ({ reply: said(planId) }));

/** Completed; a turn that went on for a message has answered twice. */
const answeredAtLeastOnce =
  (planId: string): CheckedTurn['expected'] =>
  (stored) =>
    stored.status === 'completed' ? null : completedWith(planId)(stored);

interface JoiningMessage {
  readonly name: string;
  /** When it is sent. */
  readonly at: Parameters<typeof onceAt>[0];
  readonly words: string;
  /** What runs, or is asked about, when it comes. */
  readonly call: CallSpec;
}

/** The message is in the conversation once, whether the turn read it or it came too late and became one of its own. */
export function joiningShape({ name, at, words: beginning, call }: JoiningMessage): Shape {
  return {
    name,
    async run(run) {
      const conversation = await newConversation(run);
      const planId = newPlanId(run);
      const words = `${beginning}, ${planId}`;
      const sent = onceAt(at, () => steerInto(run, { conversation, planId, words }));
      const checked = await sendTurn(run, {
        planId,
        steps: [{ reply: calls(planId, 'first', [call]) }, ...answersFor(planId)],
        body: { conversation },
        onEvent: sent.onEvent,
        expected: answeredAtLeastOnce(planId),
      });
      const answered = await sent.begun();
      const own = await readIfOwn(run, checked, answered, planId);
      if (answered !== null) await saidOnce(run, conversation, words, own ?? checked);
      return own === null ? [checked] : [checked, own];
    },
  };
}

const steer = joiningShape({ name: 'steer', at: isItem, words: 'please hurry', call: { tool: 'look', after: 600 } });

interface Steer {
  readonly conversation: string;
  readonly planId: string;
  readonly words: string;
}

function steerInto(run: ShapeRun, { conversation, planId, words }: Steer): Promise<Answered> {
  const turnstone = { on_conflict: 'steer' };
  const body = { model: 'faulty', conversation, input: words, background: true, turnstone };
  return ask(run, 'POST', '/v1/responses', body, { key: `steer-of-${planId}` });
}

/** One that came too late is a turn of its own, which becomes part of the conversation when it ends: it is read to its end. */
async function readIfOwn(
  run: ShapeRun,
  running: CheckedTurn,
  answered: Answered | null,
  planId: string,
): Promise<CheckedTurn | null> {
  const about = { planId, expected: answeredAtLeastOnce(planId) };
  const told = (answered?.json as { readonly id?: string } | null | undefined)?.id;
  if (told !== undefined && told !== running.turn.id) return readTurn(run, told, about);
  // It was to join the turn that ran, which ended before it was read.
  const { json } = await ask(run, 'GET', `/v1/responses/${running.turn.id ?? ''}/steers`);
  const { data = [] } = json as { readonly data?: readonly { status: string; response_id: string | null }[] };
  const moved = data.find(({ status }) => status === 'moved')?.response_id ?? null;
  return moved === null ? null : readTurn(run, moved, about);
}

/**
 * With every turn of the conversation at its end. A turn that failed is no part of the conversation, nor is what it was asked:
 * whether it may fail is said by what is expected of it.
 * @param reader the turn that has the message.
 */
async function saidOnce(
  run: ShapeRun,
  conversation: string,
  words: string,
  { turn, stored }: CheckedTurn,
): Promise<void> {
  if (turn.gaveUp !== null || stored?.status !== 'completed') return;
  const times = await timesSaid(run, conversation, words);
  if (times !== 1) run.broken(1, `the second message is in the conversation ${times} times`);
}

async function timesSaid(run: ShapeRun, conversation: string, words: string): Promise<number> {
  const { json } = await ask(run, 'GET', `/v1/conversations/${conversation}/items?limit=100`);
  const { data } = json as { data: readonly { type: string; role?: string }[] };
  return data.filter((item) => item.role === 'user' && JSON.stringify(item).includes(words)).length;
}

/** A message on its way into the turn is taken back: then it was never read. */
const steerCancel: Shape = {
  name: 'steer-cancel',
  async run(run) {
    const conversation = await newConversation(run);
    const planId = newPlanId(run);
    const words = `on second thoughts, ${planId}`;
    const sent = onceAt(isItem, async (id): Promise<boolean> => {
      const path = `/v1/responses/${id}/steer`;
      const { status, json } = await ask(run, 'POST', path, { input: words }, { key: `steer-of-${planId}` });
      if (status >= 300) return false;
      const steerId = (json as { readonly id: string }).id;
      await ask(run, 'DELETE', `${path}s/${steerId}`);
      const { json: listed } = await ask(run, 'GET', `${path}s`);
      const { data } = listed as { readonly data: readonly { id: string; status: string }[] };
      return data.find((each) => each.id === steerId)?.status === 'cancelled';
    });
    const checked = await sendTurn(run, {
      planId,
      steps: [{ reply: calls(planId, 'first', [{ tool: 'look', after: 600 }]) }, ...answersFor(planId)],
      body: { conversation },
      onEvent: sent.onEvent,
      expected: answeredAtLeastOnce(planId),
    });
    if ((await sent.begun()) === true && (await timesSaid(run, conversation, words)) > 0) {
      run.broken(1, 'a message that was taken back was read');
    }
    return [checked];
  },
};

export const CONFLICT_SHAPES: readonly Shape[] = [
  secondMessage('queue', completedWith),
  // It may be over before it can be stopped.
  secondMessage('interrupt', () => endedAs('cancelled', 'completed')),
  queueCancel,
  steer,
  steerCancel,
];
