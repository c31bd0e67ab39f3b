/** Messages that join a running turn. They are taken in by `TurnStore.claimStep`; here they are sent, seen and taken back. */
import type { Item } from '../item.js';
import type { Scope } from '../scope.js';
import type { Steer } from '../steer.js';
import type { TurnRecord } from '../turn.js';

export interface NewSteer {
  readonly id: string;
  readonly turnId: string;
  readonly requestId: string;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the canonical body; compared when the key is seen again. */
  readonly requestHash: string;
  /** Messages in order; ids already given. */
  readonly items: readonly Item[];
}

export type SteerOutcome =
  | { readonly kind: 'steered' | 'replayed'; readonly steer: Steer }
  /** It came too late: the turn has ended, nothing was written. */
  | { readonly kind: 'ended'; readonly turn: TurnRecord };

export interface SteerStore {
  /**
   * Safe to repeat with a key.
   * @throws `response.not-found`, `response.not-steerable` (it waits itself), `conversation.queue-full`,
   *   `request.idempotency-mismatch`.
   */
  add(scope: Scope, steer: NewSteer): Promise<SteerOutcome>;
  /** All of a turn in the order in which they came. */
  list(scope: Scope, turnId: string): Promise<readonly Steer[]>;
  /**
   * Take back a message that waits; once it is taken back this changes nothing.
   * @throws `steer.not-found`, `steer.picked-up`.
   */
  cancel(scope: Scope, turnId: string, steerId: string): Promise<Steer>;
}
