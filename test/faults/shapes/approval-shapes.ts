/**
 * Turns that ask a person before they act: the decision is given as soon as it is asked for, by somebody who repeats it until it
 * is answered. Whether a call ran that nobody approved, or did not although somebody did, is read from the ledger afterwards.
 */
import type { TurnEvent } from '../../../domain/event.js';
import type { CheckedTurn } from '../checker/check-turn.js';
import { answersFor, joiningShape, newConversation } from './conflict-shapes.js';
import { ask, calls, completedWith, newPlanId, said, sendTurn } from './shape.js';
import type { CallSpec, Shape, ShapeRun } from './shape.js';

interface Approval {
  readonly id: string;
  readonly arguments: string;
  readonly arguments_hash: string;
}

type Decide = (approval: Approval) => object;

const approve: Decide = ({ arguments_hash: hash }) => ({ decision: 'approve', arguments_hash: hash });
const deny: Decide = () => ({ decision: 'deny', reason: 'not today' });
const edit: Decide = (approval) => {
  const { what } = JSON.parse(approval.arguments) as { readonly what: string };
  return { decision: 'approve', arguments: { what: `${what}/edited` } };
};

/** After a crash the question may be part of a snapshot, and not be asked again. */
const mayAsk = ({ type }: TurnEvent): boolean =>
  type === 'turnstone:approval.requested' || type === 'turnstone:snapshot';

/** Decides whatever waits, each time something may: a decision that was given stands, and is not given again. */
function decider(
  run: ShapeRun,
  decide: Decide,
): { readonly onEvent: (event: TurnEvent, turnId: string) => void; readonly done: () => Promise<void> } {
  let deciding = Promise.resolve();
  const decideAll = async (turnId: string): Promise<void> => {
    const { json } = await ask(run, 'GET', `/v1/approvals?status=pending&response=${turnId}`);
    for (const approval of (json as { readonly data?: readonly Approval[] }).data ?? []) {
      const wanted = decide(approval);
      const { status } = await ask(run, 'POST', `/v1/approvals/${approval.id}`, wanted);
      if (status !== 200 && status !== 409) run.broken(1, `a decision was answered with ${status}`);
    }
  };
  return {
    onEvent: (event, turnId) => {
      if (mayAsk(event)) deciding = deciding.then(() => decideAll(turnId));
    },
    done: () => deciding,
  };
}

function decisionShape(name: string, decide: Decide, specs: readonly CallSpec[]): Shape {
  return {
    name,
    async run(run) {
      const planId = newPlanId(run);
      const decisions = decider(run, decide);
      const steps = [{ reply: calls(planId, 'first', specs) }, { reply: said(planId) }];
      const { onEvent } = decisions;
      const checked = await sendTurn(run, { planId, steps, onEvent, expected: completedWith(planId) });
      await decisions.done();
      return [checked];
    },
  };
}

/** @param model an agent whose questions nobody answers in time, or only after they were asked twice. */
function slowDecision(
  name: string,
  model: string,
  isTime: (event: TurnEvent) => boolean,
  decide: Decide | null,
): Shape {
  return {
    name,
    async run(run) {
      const planId = newPlanId(run);
      const decisions = decider(run, decide ?? deny);
      const steps = [{ reply: calls(planId, 'first', [{ tool: 'book_asking' }]) }, { reply: said(planId) }];
      const checked = await sendTurn(run, {
        planId,
        steps,
        body: { model },
        onEvent: (event, id) => {
          // A snapshot may stand for the event that was waited for.
          if (decide !== null && (isTime(event) || event.type === 'turnstone:snapshot')) {
            decisions.onEvent({ ...event, type: 'turnstone:approval.requested' } as TurnEvent, id);
          }
        },
        expected: completedWith(planId),
      });
      await decisions.done();
      return [checked];
    },
  };
}

const remember: Decide = (approval) => ({ ...approve(approval), remember: 'conversation' });

/** A decision that is remembered for the conversation, and taken back. */
const consent: Shape = {
  name: 'approval-consent',
  async run(run) {
    const conversation = await newConversation(run);
    const planId = newPlanId(run);
    const decisions = decider(run, remember);
    const checked = await sendTurn(run, {
      planId,
      steps: [{ reply: calls(planId, 'first', [{ tool: 'book_asking' }]) }, { reply: said(planId) }],
      body: { conversation },
      onEvent: decisions.onEvent,
      expected: completedWith(planId),
    });
    await decisions.done();
    const path = `/v1/conversations/${conversation}/consents`;
    const { status } = await ask(run, 'DELETE', `${path}/book_asking`);
    const { json } = await ask(run, 'GET', path);
    if (JSON.stringify(json).includes('book_asking'))
      run.broken(1, `a consent stands after ${status} to taking it back`);
    return [checked];
  },
};

/** A message into a turn that waits is an answer to it: the call is not run, and the turn goes on with the message. */
const messageInto = joiningShape({
  name: 'approval-message',
  at: mayAsk,
  words: 'rather not',
  call: { tool: 'pay_asking' },
});

/** The turn ends with the question; the answer makes a turn of its own, which runs the call. */
const returned: Shape = {
  name: 'approval-return',
  async run(run) {
    const planId = newPlanId(run);
    const isAsked: CheckedTurn['expected'] = (stored) =>
      stored.status === 'completed' && stored.output.some(({ type }) => type === 'mcp_approval_request')
        ? null
        : `ended ${stored.status} without a question`;
    const asking = await sendTurn(run, {
      planId,
      steps: [
        { reply: calls(planId, 'first', [{ tool: 'pay_asking' }, { tool: 'book_asking' }]) },
        ...answersFor(planId),
      ],
      body: { turnstone: { approvals: 'return' } },
      expected: isAsked,
    });
    const questions = asking.stored?.output.filter(({ type }) => type === 'mcp_approval_request') ?? [];
    if (asking.stored?.status !== 'completed' || questions.length === 0) return [asking];
    const input = questions.map(({ id }, index) => ({
      type: 'mcp_approval_response',
      approval_request_id: id,
      approve: index === 0,
    }));
    const body = { model: 'faulty', input, previous_response_id: asking.stored.id };
    const answered = await sendTurn(run, { planId, steps: [], part: 'answer', body, expected: completedWith(planId) });
    return [asking, answered];
  },
};

export const APPROVAL_SHAPES: readonly Shape[] = [
  decisionShape('approval-approve', approve, [
    { tool: 'pay_asking', after: 50 },
    { tool: 'book_asking', after: 50 },
  ]),
  decisionShape('approval-deny', deny, [{ tool: 'pay_asking' }]),
  decisionShape('approval-edit', edit, [{ tool: 'book_asking' }]),
  slowDecision('approval-expire', 'hasty', () => false, null),
  slowDecision('approval-escalate', 'insistent', ({ type }) => type === 'turnstone:approval.escalated', approve),
  consent,
  messageInto,
  returned,
];
