/** Tells readers of messages that joined the turn before this step, in the place where the model sees them. */
import type { StepClaim } from '../domain/ports/turn-store.js';
import type { StepRun } from './step-run.js';

export function announceSteers({ input, writer, output }: StepRun, { steers = [] }: StepClaim): void {
  for (const { id, items } of steers) {
    writer.emit({
      type: 'turnstone:steer.picked_up',
      steer_id: id,
      step: input.step,
      before_output_index: output.length,
      items,
    });
  }
}
