/** Tool calls as the product knows them, whatever tool they run. Zod-free: workflows import these types. */
import type { ToolItemType } from './item.js';

/**
 * What a tool does to the world. `read`: nothing, so it is retried. `keyed`: it takes an idempotency key, so it is retried.
 * `unkeyed`: it runs at most once; a crash in between ends as `outcome_unknown` and is never re-run by itself.
 */
export type ToolEffect = 'read' | 'keyed' | 'unkeyed';
export type ApprovalRule = 'never' | 'ask' | 'always';
export type ToolCallStatus = 'pending' | 'running' | 'completed' | 'failed' | 'outcome_unknown' | 'cancelled';

/** Where a tool call belongs; the idempotency key is derived from it, never from the model's call id. */
export interface ToolCallKey {
  readonly turnId: string;
  readonly step: number;
  readonly callIndex: number;
}

/** A tool call row: the intent (written with the model's step) and, once it ran, the receipt. */
export interface ToolCallRecord extends ToolCallKey {
  readonly itemId: string;
  /** The call id the model used and is answered with. */
  readonly modelCallId: string;
  readonly name: string;
  readonly kind: 'tool' | 'client';
  /** JSON text as the model wrote it. */
  readonly arguments: string;
  readonly effect: ToolEffect;
  readonly itemType: ToolItemType | 'function_call';
  readonly status: ToolCallStatus;
  readonly attempt: number;
  /** What the model is told; already cut to its budget. */
  readonly result: string | null;
  /** The whole result where `result` is a cut of it; read by the `read_result` tool. */
  readonly fullResult: string | null;
  readonly resultHash: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly durationMs: number | null;
}
