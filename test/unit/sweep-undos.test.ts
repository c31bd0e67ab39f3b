/** Proves what becomes of an undo that was noted and whose workflow did not start, or ended without a word. */
import { describe, expect, it } from 'vitest';
import { sweepUndos } from '../../activities/sweep-undos.js';
import { failure } from '../../domain/failures.js';
import type { UndoRecord } from '../../domain/effect.js';
import type { UndoEngine } from '../../domain/ports/undo-engine.js';
import type { UndoInput } from '../../domain/undo-contract.js';
import { anAcceptedTurn, benchScope as scope } from '../support/activity-bench.js';
import { aCallingStep, aReceipt, aToolItem } from '../support/turn-builders.js';

interface Swept {
  readonly started: readonly UndoInput[];
  readonly undo: UndoRecord | null | undefined;
  readonly effectId: string;
  readonly turnId: string;
}

/** A tool call that took effect, whose undo is noted; then one sweep with an engine that answers so. */
async function swept(answer: Awaited<ReturnType<UndoEngine['startUndo']>> | Error, minAgeMs = 0): Promise<Swept> {
  const { deps, turn } = await anAcceptedTurn([], [{ name: 'clock', timeoutMs: 7_000 }]);
  const item = aToolItem();
  await deps.turns.commitStep(scope, aCallingStep(turn.id, item, { effect: 'keyed' }));
  await deps.turns.claimTool(scope, { turnId: turn.id, step: 1, callIndex: 0 });
  const done = { ...item, status: 'completed', output: 'booked' } as const;
  await deps.turns.commitTool(scope, aReceipt(turn.id, { status: 'completed', item: done }));
  await deps.effects.requestUndo(scope, item.id);
  const started: UndoInput[] = [];
  const undoEngine: UndoEngine = {
    startUndo: async (input) => {
      started.push(input);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  await sweepUndos({ ...deps, undoEngine }, minAgeMs);
  const { undo } = (await deps.effects.get(scope, item.id)) ?? {};
  return { started, undo, effectId: item.id, turnId: turn.id };
}

describe('sweep of undos', () => {
  it('noted, but its process died before the workflow started -> it is started with what it needs', async () => {
    const { started, undo, effectId, turnId } = await swept('started');
    expect(started).toMatchObject([{ tenantId: scope.tenantId, turnId, effectId, tool: 'clock', timeoutMs: 7_000 }]);
    expect(undo).toMatchObject({ status: 'running' });
  });

  it('its workflow runs -> left alone', async () => {
    expect((await swept('running')).undo).toMatchObject({ status: 'running' });
  });

  it('its workflow was ended by hand -> nobody knows, and that is said', async () => {
    expect((await swept('ended')).undo).toMatchObject({ status: 'unknown', error: { code: 'turn.terminated' } });
  });

  it('asked for a moment ago -> its request is still at it', async () => {
    expect((await swept('started', 60_000)).started).toEqual([]);
  });

  it('the engine cannot be asked -> nothing changes, the next round tries again', async () => {
    await expect(swept(failure('engine.unavailable', 'away'))).rejects.toMatchObject({ code: 'engine.unavailable' });
  });
});
