/** Proven on a real server: a webhook that fails or hangs keeps no decision from being heard, and fails no turn; without one nothing is scheduled. */
import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APPROVAL_DECIDED_SIGNAL } from '../../domain/approval-contract.js';
import type { ApprovalActivities } from '../../domain/approval-contract.js';
import { DEFAULT_POLICY } from '../../domain/policy.js';
import { shapeActivities, TURN_SHAPES } from '../support/turn-shapes.js';
import { startWorkflowEnvironment, untilCancelled } from '../support/workflow-environment.js';
import type { StartedTurn, WorkflowTestEnvironment } from '../support/workflow-environment.js';

let environment: WorkflowTestEnvironment;
beforeAll(async () => {
  environment = await startWorkflowEnvironment();
});
afterAll(() => environment.stop());

const gated = TURN_SHAPES.find(({ name }) => name === 'approval');

interface Played {
  readonly status: string;
  readonly notified: readonly string[];
  readonly tools: number;
}

/** Plays a turn that is escalated at once and decided as soon as that was said. */
async function play(approvals: Partial<ApprovalActivities>, decideWhen: 'escalated' | 'notified'): Promise<Played> {
  const notified: string[] = [];
  let tools = 0;
  let heard: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    heard = resolve;
  });
  if (gated === undefined) throw new Error('there is no shape with an approval');
  const activities = shapeActivities({
    ...gated,
    activities: {
      ...gated.activities,
      runTool: async () => {
        tools += 1;
        return { status: 'completed', repeatKey: 'x', preview: 'done' };
      },
      escalateApprovals: async (input) => {
        if (decideWhen === 'escalated') heard();
        return (approvals.escalateApprovals ?? (async () => ({ notify: input.approvalIds })))(input);
      },
      notifyEscalation: async (input) => {
        notified.push(input.approvalId);
        heard();
        await approvals.notifyEscalation?.(input);
      },
    },
  });
  const input = { policy: { ...DEFAULT_POLICY, escalateAfterMs: 50 } };
  return environment.withWorker(activities, { sticky: true, input }, async ({ handle }: StartedTurn) => {
    await ready;
    await handle.signal(APPROVAL_DECIDED_SIGNAL, ['appr_0']);
    const { status } = await handle.result();
    return { status, notified, tools };
  });
}

describe('escalation', () => {
  it('a webhook that takes it -> told once for each approval, and the turn goes on', async () => {
    expect(await play({}, 'notified')).toEqual({ status: 'completed', notified: ['appr_0'], tools: 1 });
  });

  it('a webhook that refuses for good, or fails and is tried again -> the turn goes on', async () => {
    for (const nonRetryable of [true, false]) {
      const notifyEscalation = async (): Promise<void> => {
        throw ApplicationFailure.create({ message: 'HTTP 500', type: 'webhook.failed', nonRetryable });
      };
      expect(await play({ notifyEscalation }, 'notified')).toMatchObject({ status: 'completed', tools: 1 });
    }
  });

  it('a webhook that does not answer -> the decision is heard meanwhile, and the turn ends without it', async () => {
    const notifyEscalation = async (): Promise<void> => {
      await untilCancelled();
    };
    expect(await play({ notifyEscalation }, 'notified')).toMatchObject({ status: 'completed', tools: 1 });
  });

  it('no webhook, or a worker from before there were any -> nothing is scheduled', async () => {
    for (const answer of [{}, undefined]) {
      const escalateApprovals = async (): Promise<object | undefined> => answer;
      expect(await play({ escalateApprovals }, 'escalated')).toEqual({ status: 'completed', notified: [], tools: 1 });
    }
  });
});
