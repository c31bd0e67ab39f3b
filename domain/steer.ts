/** Messages that come while a turn runs: what is to happen with them, and those that join the running turn. Zod-free. */
import type { Item } from './item.js';

/** `steer`: join the running turn at its next step; `interrupt`: stop it, then run. */
export const ON_CONFLICT = ['reject', 'queue', 'steer', 'interrupt'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

/** Turns that may wait in one conversation, and messages that may wait to join one turn: more is a client that loops. */
export const MAX_QUEUED_TURNS = 20;
export const MAX_PENDING_STEERS = 20;

/** `moved`: the turn ended without it, and a turn of its own answers it. */
export type SteerStatus = 'pending' | 'picked_up' | 'cancelled' | 'moved';

/** A message into a running turn. */
export interface Steer {
  readonly id: string;
  /** The turn it was sent into. */
  readonly turnId: string;
  /** The turn that answers it: the same, or the one it moved to. */
  readonly answeredBy: string;
  readonly status: SteerStatus;
  /** The step that sees it first; null before it is picked up. */
  readonly step: number | null;
  readonly items: readonly Item[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
}

export type PickedUpSteer = Pick<Steer, 'id' | 'items'>;
