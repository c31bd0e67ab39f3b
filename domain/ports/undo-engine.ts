/** Starts the workflow that undoes an effect. */
import type { UndoInput } from '../undo-contract.js';

export interface UndoEngine {
  /**
   * Safe to repeat: an effect has one such workflow, running or ended.
   * @returns what was found: `started` now, or one that was there. @throws `engine.unavailable`.
   */
  startUndo(input: UndoInput): Promise<'started' | 'running' | 'ended'>;
}
