/** One attempt at one model step while it runs: what its parts share. */
import type { OutputItem } from '../domain/item.js';
import type { ModelCallEntry, StepContext } from '../domain/ports/turn-store.js';
import type { Scope } from '../domain/scope.js';
import type { CallModelInput } from '../domain/turn-contract.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';
import type { EventWriter } from './event-writer.js';

export interface StepRun {
  readonly deps: ActivityDeps;
  readonly scope: Scope;
  readonly input: CallModelInput;
  readonly context: StepContext;
  readonly attempt: number;
  readonly writer: EventWriter;
  readonly signal: AbortSignal;
  readonly run: RunContext;
  /** The context holds untrusted parts: what the model writes from it is untrusted too, and the gate must know. */
  readonly tainted: boolean;
  /** Output items the turn had before this step. */
  readonly output: readonly OutputItem[];
  readonly modelCalls: ModelCallEntry[];
}
