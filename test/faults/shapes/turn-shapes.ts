/** The shapes of a turn that crash points and random faults are tried on. A new shape is a new entry here. */
import { errorReply } from '../../support/fake-provider-script.js';
import { APPROVAL_SHAPES } from './approval-shapes.js';
import { CONFLICT_SHAPES, newConversation } from './conflict-shapes.js';
import { ask, calls, completedWith, endedAs, newPlanId, said, sendTurn } from './shape.js';
import type { CallSpec, Shape } from './shape.js';
import { SENT_SECRET } from '../world/world.js';
import { undoShape } from './undo-shapes.js';

export const plainShape: Shape = {
  name: 'plain',
  async run(run) {
    const planId = newPlanId(run);
    return [await sendTurn(run, { planId, steps: [{ reply: said(planId) }], expected: completedWith(planId) })];
  },
};

/** One step of calls, then the answer. */
function toolShape(name: string, specs: readonly CallSpec[]): Shape {
  return {
    name,
    async run(run) {
      const planId = newPlanId(run);
      const steps = [{ reply: calls(planId, 'first', specs) }, { reply: said(planId) }];
      return [await sendTurn(run, { planId, steps, expected: completedWith(planId) })];
    },
  };
}

/** Cancelled once some text is out; asked for again until the server has answered. */
function cancelShape(name: string, steps: (planId: string) => Parameters<typeof sendTurn>[1]['steps']): Shape {
  return {
    name,
    async run(run) {
      const planId = newPlanId(run);
      const asked: Promise<unknown>[] = [];
      const checked = await sendTurn(run, {
        planId,
        steps: steps(planId),
        onEvent: (event, id) => {
          if (event.type !== 'response.output_text.delta' && event.type !== 'turnstone:stage.started') return;
          if (asked.length > 0) return;
          asked.push(ask(run, 'POST', `/v1/responses/${id}/cancel`));
        },
        // A crash may have taken the cancel with it, and the turn be done before the client could ask again.
        expected: endedAs('cancelled', 'completed'),
      });
      await Promise.all(asked);
      return [checked];
    },
  };
}

const LONG_MESSAGE = 'The quick brown fox jumps over the lazy dog. '.repeat(120);

/** The second message no longer fits the model: the older part is summarised first. */
const compaction: Shape = {
  name: 'compaction',
  async run(run) {
    const [first, second] = [newPlanId(run), newPlanId(run)];
    const body = { model: 'small' };
    const before = await sendTurn(run, {
      planId: first,
      text: LONG_MESSAGE,
      steps: [{ reply: said(first, 0) }],
      body,
      expected: completedWith(first),
    });
    if (before.turn.id === null) return [before];
    const after = await sendTurn(run, {
      planId: second,
      steps: [{ reply: said(second) }],
      body: { ...body, previous_response_id: before.turn.id },
      expected: (stored) =>
        stored.output.some(({ type }) => type === 'compaction')
          ? completedWith(second)(stored)
          : 'nothing was compacted',
    });
    return [before, after];
  },
};

/** Stopped by its limit, then continued. */
const goOn: Shape = {
  name: 'continue',
  async run(run) {
    const planId = newPlanId(run);
    const steps = [
      { reply: calls(planId, 'first', [{ tool: 'look' }]) },
      { reply: said(planId) },
      { reply: said(planId) },
    ];
    const body = { turnstone: { limits: { max_steps: 1 } } };
    const stopped = await sendTurn(run, { planId, steps, body, expected: endedAs('incomplete') });
    if (stopped.stored?.status !== 'incomplete') return [stopped];
    const continued = await sendTurn(run, {
      planId,
      steps: [],
      path: `/v1/responses/${stopped.stored.id}/continue`,
      expected: completedWith(planId),
    });
    return [stopped, continued];
  },
};

/** Answered, then run again from its second step with the first as it was recorded. */
const fork: Shape = {
  name: 'fork',
  async run(run) {
    const planId = newPlanId(run);
    const steps = [{ reply: calls(planId, 'first', [{ tool: 'look' }]) }, { reply: said(planId) }];
    const first = await sendTurn(run, { planId, steps, expected: completedWith(planId) });
    if (first.stored?.status !== 'completed') return [first];
    const forked = await sendTurn(run, {
      planId,
      steps: [],
      path: `/v1/responses/${first.stored.id}/fork`,
      body: { step: 2 },
      expected: completedWith(planId),
    });
    return [first, forked];
  },
};

/** A file that is sent along, and one that is fetched from where the message says. */
const files: Shape = {
  name: 'files',
  async run(run) {
    const planId = newPlanId(run);
    const sent = `data:text/plain;base64,${Buffer.from(`a note of ${planId}`).toString('base64')}`;
    const parts = [
      { type: 'input_file', filename: 'note.txt', file_data: sent },
      { type: 'input_file', filename: 'linked.txt', file_url: run.fileUrl },
    ];
    return [await sendTurn(run, { planId, parts, steps: [{ reply: said(planId) }], expected: completedWith(planId) })];
  },
};

/** Two messages in one conversation. */
const conversation: Shape = {
  name: 'conversation',
  async run(run) {
    const body = { conversation: await newConversation(run) };
    const [first, second] = [newPlanId(run), newPlanId(run)];
    const before = await sendTurn(run, {
      planId: first,
      steps: [{ reply: said(first, 0) }],
      body,
      expected: completedWith(first),
    });
    const after = await sendTurn(run, {
      planId: second,
      steps: [{ reply: said(second) }],
      body,
      expected: completedWith(second),
    });
    return [before, after];
  },
};

/** Answered with a provider key that came with the request. */
const ownKey: Shape = {
  name: 'own-key',
  async run(run) {
    const planId = newPlanId(run);
    const steps = [{ reply: said(planId) }];
    const headers = { 'x-provider-key': SENT_SECRET };
    return [await sendTurn(run, { planId, steps, headers, expected: completedWith(planId) })];
  },
};

/** The provider refuses: the turn fails, visibly, once. */
const failing: Shape = {
  name: 'failing',
  async run(run) {
    const planId = newPlanId(run);
    const steps = [{ reply: errorReply(400, 'this model does not take that') }];
    return [await sendTurn(run, { planId, steps, expected: endedAs('failed') })];
  },
};

export const TURN_SHAPES: readonly Shape[] = [
  plainShape,
  toolShape('tool', [{ tool: 'look', after: 100 }]),
  toolShape('keyed-tool', [{ tool: 'book', before: 50, after: 100 }]),
  toolShape('unkeyed-tool', [{ tool: 'pay', before: 50, after: 100 }]),
  toolShape('parallel-tools', [
    { tool: 'look', after: 50 },
    { tool: 'book', after: 100 },
    { tool: 'pay', after: 150 },
  ]),
  cancelShape('cancel', (planId) => [{ reply: said(planId, 250) }]),
  compaction,
  goOn,
  fork,
  files,
  ...CONFLICT_SHAPES,
  ...APPROVAL_SHAPES,
  undoShape,
  ownKey,
  conversation,
  failing,
];
