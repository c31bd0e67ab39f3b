/** What tool calls did to the world, and what became of it afterwards: undone, or found out by a person. Zod-free. */
import type { ToolCallRecord } from './tool.js';

export type UndoStatus = 'running' | 'undone' | 'failed' | 'unknown';

export interface UndoRecord {
  readonly status: UndoStatus;
  readonly attempt: number;
  /** What the undo answered; null until it ended. */
  readonly text: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly requestedAtMs: number;
  readonly finishedAtMs: number | null;
}

/** What a person found out about a call nobody was sure of. */
export interface EffectResolution {
  readonly happened: boolean;
  readonly note: string | null;
  readonly resolvedBy: string;
  readonly resolvedAtMs: number;
}

/** A call of a tool with an effect that was begun. Its id is that of the call's item. */
export interface EffectRecord {
  readonly id: string;
  readonly principalId: string;
  readonly conversationId: string | null;
  readonly requestId: string;
  readonly call: ToolCallRecord;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
  readonly undo: UndoRecord | null;
  readonly resolution: EffectResolution | null;
}

/** A call that ended without its own word on whether it took effect. One that still runs is not in doubt yet. */
export function inDoubt({ call }: EffectRecord): boolean {
  if (call.status === 'outcome_unknown' || call.status === 'cancelled') return true;
  return call.status === 'failed' && call.error?.code === 'tool.timeout';
}

/** Did it happen, as far as is known? Null: nobody knows. */
export function happened(effect: EffectRecord): boolean | null {
  if (effect.call.status === 'completed') return true;
  if (inDoubt(effect)) return effect.resolution?.happened ?? null;
  return effect.call.status === 'running' ? null : false;
}
