/**
 * The workflow `turn` on a real server and worker, with fake activities that record what they were asked. Each case runs
 * with and without the sticky cache: without it every workflow task replays, so non-determinism shows.
 */
import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { PROGRESS_QUERY } from '../../domain/turn-contract.js';
import type {
  CallModelInput,
  FinishTurnInput,
  RunToolInput,
  TurnActivities,
  TurnProgressView,
} from '../../domain/turn-contract.js';
import {
  callsResult,
  closedAhead,
  closedResult,
  plannedCall,
  startWorkflowEnvironment,
  untilCancelled,
} from '../support/workflow-environment.js';
import type { WorkflowTestEnvironment } from '../support/workflow-environment.js';

interface Recorded {
  readonly activities: TurnActivities;
  readonly model: CallModelInput[];
  readonly tools: RunToolInput[];
  readonly finished: FinishTurnInput[];
}

function record(behaviour: Partial<TurnActivities>): Recorded {
  const recorded = { model: [] as CallModelInput[], tools: [] as RunToolInput[], finished: [] as FinishTurnInput[] };
  return {
    ...recorded,
    activities: {
      callModel: async (input) => {
        recorded.model.push(input);
        return (behaviour.callModel ?? (async () => closedResult()))(input);
      },
      runTool: async (input) => {
        recorded.tools.push(input);
        const result = { status: 'completed', repeatKey: `${input.step}/${input.callIndex}`, preview: '2' } as const;
        return behaviour.runTool === undefined ? result : behaviour.runTool(input);
      },
      finishTurn: async (input) => {
        recorded.finished.push(input);
      },
    },
  };
}

const twoToolsThenAnswer = async (input: CallModelInput): Promise<ReturnType<typeof callsResult>> => {
  const queue = activityInfo().taskQueue;
  return input.step === 1 ? callsResult([plannedCall(queue, 0), plannedCall(queue, 1)]) : closedResult();
};

/** A promise the test settles from outside. */
function aSignal(): { promise: Promise<undefined>; resolve: (value: undefined) => void } {
  let resolve: (value: undefined) => void = () => undefined;
  const promise = new Promise<undefined>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

let environment: WorkflowTestEnvironment;
beforeAll(async () => {
  environment = await startWorkflowEnvironment();
});
afterAll(() => environment.stop());

describe.each([
  ['sticky cache', true],
  ['replay at every task', false],
])('workflow turn, %s', (_name, sticky) => {
  it('plain turn: one activity, nothing else', async () => {
    const recorded = record({});
    const result = await environment.withWorker(recorded.activities, { sticky }, ({ handle }) => handle.result());
    expect(result).toEqual({ status: 'completed', steps: 1, toolCalls: 0 });
    expect(recorded.model).toHaveLength(1);
    expect(recorded.finished).toEqual([]);
  });

  it('two parallel tools: both are asked for, then the model again', async () => {
    const recorded = record({ callModel: twoToolsThenAnswer });
    const result = await environment.withWorker(recorded.activities, { sticky }, ({ handle }) => handle.result());
    expect(result).toEqual({ status: 'completed', steps: 2, toolCalls: 2 });
    expect(recorded.tools.map((call) => call.callIndex).sort()).toEqual([0, 1]);
    expect(recorded.model.map((call) => call.step)).toEqual([1, 2]);
  });

  it('a turn that had ended before: recorded in one task, with its outcome and stages, and nothing is asked', async () => {
    const recorded = record({});
    const input = { closed: closedAhead() };
    const seen = await environment.withWorker(recorded.activities, { sticky, input }, async ({ handle }) => {
      const result = await handle.result();
      const view = await handle.query<TurnProgressView>(PROGRESS_QUERY);
      return { result, view, events: (await handle.fetchHistory()).events ?? [] };
    });
    expect(seen.result).toEqual({ status: 'completed', steps: 2, toolCalls: 1 });
    expect(seen.view).toMatchObject({ phase: 'done', used: { steps: 2, toolCalls: 1, tokens: 20 } });
    expect(seen.view.stages.map(({ name, status }) => [name, status])).toEqual([
      ['fake/model', 'completed'],
      ['python', 'failed'],
      ['fake/model', 'completed'],
    ]);
    expect(seen.events).toHaveLength(5);
    expect([...recorded.model, ...recorded.tools, ...recorded.finished]).toEqual([]);
  });

  it('limit of steps: a last call without tools is told why', async () => {
    const recorded = record({
      callModel: async (input) =>
        input.wrapUp === undefined
          ? callsResult([plannedCall(activityInfo().taskQueue, 0)])
          : closedResult('incomplete'),
    });
    const input = { limits: { ...DEFAULT_LIMITS, maxSteps: 2 } };
    const result = await environment.withWorker(recorded.activities, { sticky, input }, ({ handle }) =>
      handle.result(),
    );
    expect(result.status).toBe('incomplete');
    expect(recorded.model.map((call) => call.wrapUp)).toEqual([undefined, undefined, 'max_steps']);
  });

  it('a failure the model call cannot recover from: the turn is closed as failed and the workflow fails', async () => {
    const recorded = record({
      callModel: async () => {
        throw ApplicationFailure.nonRetryable('The provider refused the key.', 'model.unauthorized');
      },
    });
    const ended = environment.withWorker(recorded.activities, { sticky }, ({ handle }) => handle.result());
    await expect(ended).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(recorded.finished).toMatchObject([
      { status: 'failed', error: { code: 'model.unauthorized', message: 'The provider refused the key.' } },
    ]);
  });

  it('a failure that may pass: the model call is tried again', async () => {
    const recorded = record({
      callModel: async () => {
        if (activityInfo().attempt === 1)
          throw ApplicationFailure.create({ message: 'busy', type: 'model.overloaded', nextRetryDelay: 1 });
        return closedResult();
      },
    });
    const result = await environment.withWorker(recorded.activities, { sticky }, ({ handle }) => handle.result());
    expect(result.status).toBe('completed');
    expect(recorded.model).toHaveLength(2);
  });

  it('cancel during the model call: the activity hears it, then the turn is closed as cancelled', async () => {
    const begun = aSignal();
    const recorded = record({
      callModel: async () => {
        begun.resolve(undefined);
        return untilCancelled();
      },
    });
    const ended = environment.withWorker(recorded.activities, { sticky }, async ({ handle }) => {
      await begun.promise;
      await handle.cancel();
      return handle.result();
    });
    await expect(ended).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(recorded.finished).toMatchObject([{ status: 'cancelled' }]);
  });

  it('cancel that the model call itself wrote down: the workflow ends as cancelled, nothing is written twice', async () => {
    const begun = aSignal();
    const recorded = record({
      callModel: async () => {
        begun.resolve(undefined);
        return untilCancelled().catch(() => closedResult('cancelled'));
      },
    });
    const status = await environment.withWorker(recorded.activities, { sticky }, async ({ handle }) => {
      await begun.promise;
      await handle.cancel();
      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      return (await handle.describe()).status.name;
    });
    expect(status).toBe('CANCELLED');
    expect(recorded.finished).toEqual([]);
  });

  it('cancel while tools run: all of them hear it, one closing is written', async () => {
    const begun = aSignal();
    const recorded = record({
      callModel: twoToolsThenAnswer,
      runTool: async () => {
        if (recorded.tools.length === 2) begun.resolve(undefined);
        return untilCancelled();
      },
    });
    const ended = environment.withWorker(recorded.activities, { sticky }, async ({ handle }) => {
      await begun.promise;
      await handle.cancel();
      return handle.result();
    });
    await expect(ended).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(recorded.finished).toMatchObject([{ status: 'cancelled' }]);
  });

  it('query progress: stages, what is used and the limits, while it runs', async () => {
    const asked = aSignal();
    const begun = aSignal();
    const recorded = record({
      callModel: twoToolsThenAnswer,
      runTool: async (input) => {
        begun.resolve(undefined);
        await asked.promise;
        return { status: 'completed', repeatKey: String(input.callIndex), preview: 'two' };
      },
    });
    await environment.withWorker(recorded.activities, { sticky }, async ({ handle, input }) => {
      await begun.promise;
      const view = await handle.query<TurnProgressView>(PROGRESS_QUERY);
      asked.resolve(undefined);
      await handle.result();
      const after = await handle.query<TurnProgressView>(PROGRESS_QUERY);
      expect(view).toMatchObject({ turnId: input.turnId, phase: 'tools', used: { steps: 1, tokens: 10 } });
      expect(view.stages.map((stage) => stage.status)).toEqual(['completed', 'running', 'running']);
      expect(after).toMatchObject({ phase: 'done', used: { steps: 2, toolCalls: 2 } });
    });
  });

  it('history: a plain turn at most 6 KB, a further step with a tool at most 4 KB', async () => {
    const sizes: number[] = [];
    for (const steps of [1, 5]) {
      const recorded = record({
        callModel: async (input) =>
          input.step < steps ? callsResult([plannedCall(activityInfo().taskQueue, 0)]) : closedResult(),
      });
      const size = await environment.withWorker(recorded.activities, { sticky }, async ({ handle }) => {
        await handle.result();
        return (await handle.describe()).historySize ?? 0;
      });
      sizes.push(size);
    }
    const [plain = 0, five = 0] = sizes;
    expect(plain).toBeLessThanOrEqual(6 * 1024);
    expect((five - plain) / 4).toBeLessThanOrEqual(4 * 1024);
  });
});
