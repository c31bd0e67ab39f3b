/**
 * An undo is noted before its workflow starts. Where the process died in between, this starts it; where the workflow ended
 * without saying how (an operator terminated it), nobody knows whether the effect was taken back, and that is noted.
 */
import type { RunningUndo } from '../domain/ports/effect-store.js';
import type { UndoEngine } from '../domain/ports/undo-engine.js';
import { internalScope } from '../domain/scope.js';
import { toUndoInput } from '../domain/undo-contract.js';
import type { ActivityDeps } from './activity-deps.js';

const BATCH = 200;

export interface UndoSweepDeps extends Pick<ActivityDeps, 'effects' | 'tools' | 'logger'> {
  readonly undoEngine: UndoEngine;
}

/** @throws `engine.unavailable`, `store.unavailable`: the next round tries again. */
export async function sweepUndos(deps: UndoSweepDeps, minAgeMs: number): Promise<void> {
  for (const running of await deps.effects.listRunningUndos(minAgeMs, BATCH)) await sweepOne(deps, running);
}

async function sweepOne(deps: UndoSweepDeps, { tenantId, effect }: RunningUndo): Promise<void> {
  const found = await deps.undoEngine.startUndo(toUndoInput(tenantId, effect, deps.tools));
  if (found === 'running') return;
  const about = { tenantId, turnId: effect.call.turnId, effectId: effect.id };
  if (found === 'started') {
    deps.logger.warn(about, 'an undo had no workflow; it was started');
    return;
  }
  const error = { code: 'turn.terminated', message: 'The workflow of this undo ended without saying how.' };
  const ending = { effectId: effect.id, attempt: null, status: 'unknown', text: null, error } as const;
  if (await deps.effects.endUndo(internalScope(tenantId, 'sweeper'), ending)) {
    deps.logger.warn(about, 'an undo was settled as unknown: its workflow had ended');
  }
}
