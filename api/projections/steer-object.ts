/** Messages into running turns as the API shows them. */
import type { Item } from '../../domain/item.js';
import type { Steer } from '../../domain/steer.js';

export interface SteerObject {
  readonly id: string | null;
  readonly object: 'response.steer';
  readonly status: Steer['status'];
  readonly response_id: string;
  readonly sent_to: string;
  readonly step: number | null;
  readonly created_at: number;
  readonly items: readonly Item[];
}

export function toSteerObject(steer: Steer): SteerObject {
  return {
    id: steer.id,
    object: 'response.steer',
    status: steer.status,
    response_id: steer.answeredBy,
    sent_to: steer.turnId,
    step: steer.step,
    created_at: Math.floor(steer.createdAtMs / 1000),
    items: steer.items,
  };
}

/** It came too late to wait: a turn of its own answers it. */
export function toLateSteer(
  sentTo: string,
  turn: { id: string; createdAtMs: number },
  items: readonly Item[],
): SteerObject {
  return {
    id: null,
    object: 'response.steer',
    status: 'moved',
    response_id: turn.id,
    sent_to: sentTo,
    step: null,
    created_at: Math.floor(turn.createdAtMs / 1000),
    items,
  };
}
