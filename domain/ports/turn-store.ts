/**
 * Turns, their items and tool-call receipts. All writes are idempotent and fenced: a step is held by one attempt, and a
 * write of an older attempt changes nothing. Methods throw `store.unavailable` when the database cannot be reached.
 */
import type { Item } from '../item.js';
import type { TokenUsage } from '../pricing.js';
import type { Scope } from '../scope.js';
import type { OnConflict, PickedUpSteer, Steer } from '../steer.js';
import type { ToolCallRecord } from '../tool.js';
import type { CallModelResult } from '../turn-contract.js';
import type { IncompleteReason, StoredItem, TerminalStatus, TurnError, TurnRecord, TurnSettings } from '../turn.js';

export interface NewTurn {
  readonly id: string;
  readonly conversationId: string | null;
  /** The parent turn. Undefined: the conversation's head (null when it has none or there is no conversation). */
  readonly parentId: string | null | undefined;
  readonly settings: TurnSettings;
  readonly metadata: Readonly<Record<string, string>>;
  readonly background: boolean;
  readonly stored: boolean;
  readonly requestId: string;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the canonical body; compared when the key is seen again. */
  readonly requestHash: string;
  /** Input items in order; ids already given. */
  readonly input: readonly Item[];
  /** Recorded steps of another turn that go before its own: they are copied in the same transaction, and none of them runs. */
  readonly fork?: ForkedSteps;
  /** False: no model of its chain has a known price, which a budget may forbid. */
  readonly priced?: boolean;
  /** What happens when another turn of the conversation runs; left out: `reject`. */
  readonly onConflict?: OnConflict;
  /** A provider key that came with the request, sealed; deleted in the transaction that ends the turn. */
  readonly credential?: Uint8Array;
}

/** What a forked turn takes over from the turn it is forked from. */
export interface ForkedSteps {
  readonly turnId: string;
  /** Steps 1 to this one; 0: only its input. */
  readonly through: number;
  /** False: the new turn brings its own input. */
  readonly input: boolean;
  /** Another result for one call of the last copied step, by the id of its item. */
  readonly toolResult: { readonly itemId: string; readonly text: string } | null;
}

export type AcceptOutcome =
  | {
      readonly kind: 'accepted';
      readonly turn: TurnRecord;
      /** What `loadContext` would say right now; absent when it would have to be read. */
      readonly context?: StepContext;
    }
  /** It waits for the running turn; with `interrupts`, the id of the turn that is to be stopped for it. */
  | { readonly kind: 'queued'; readonly turn: TurnRecord; readonly interrupts: string | null }
  /** No turn of its own: the message joins `turn`, or (seen again by its key) went on in it. */
  | { readonly kind: 'steered'; readonly turn: TurnRecord; readonly steer: Steer }
  /** The same Idempotency-Key with the same body: the turn it made. */
  | { readonly kind: 'replayed'; readonly turn: TurnRecord };

/** A turn that began in the transaction that closed the one before it: its step 1 is claimed and nobody works on it yet. */
export interface NextTurn {
  readonly turn: TurnRecord;
  readonly claim: StepClaim;
  /** When it was its turn; its limits of time count from here. */
  readonly startedAtMs: number;
}

/** What a commit left behind. */
export interface CommittedStep {
  /** Still `in_progress` although an ending was given: messages wait, and the turn goes on with them. */
  readonly turn: TurnRecord;
  readonly next: NextTurn | null;
}

/** Everything a model step is built from. */
export interface StepContext {
  readonly turn: TurnRecord;
  /**
   * Items of the ancestors (oldest first) and of the turn itself, in order. Starts with the first item of the newest turn
   * that holds a compaction item: what came before it is in the summary.
   */
  readonly path: readonly StoredItem[];
  /** Calls of the path's turns, in order. */
  readonly toolCalls: readonly ToolCallRecord[];
  /** True when a budget applies to the turn: then each of its calls is reserved before it is made. */
  readonly budgeted?: boolean;
}

export interface StepRef {
  readonly turnId: string;
  readonly step: number;
}

export interface StepClaim {
  readonly attempt: number;
  /** First event number this attempt may use if the event log lost the turn; above all given out before. */
  readonly firstSequence: number;
  /** The committed result of the step, when an earlier attempt got that far; then there is nothing left to do. */
  readonly committed: CallModelResult | null;
  /** Messages that joined the turn before this step, in order; absent when there are none. */
  readonly steers?: readonly PickedUpSteer[];
  /** Known from the acceptance: need not be loaded. */
  readonly context?: StepContext;
}

/** One call to a provider, for the usage ledger. */
export interface ModelCallEntry {
  readonly model: string;
  readonly outcome: 'completed' | 'failed' | 'cancelled';
  readonly failureCode: string | null;
  readonly usage: TokenUsage;
  readonly costMicros: number | null;
  readonly firstTokenMs: number | null;
  readonly durationMs: number;
}

export interface TurnEnding {
  readonly status: TerminalStatus;
  readonly incompleteReason: IncompleteReason | null;
  readonly error: TurnError | null;
}

export interface StepCommit extends StepRef {
  readonly attempt: number;
  /** Output items of the step in order; written at indexes 0… of the step. */
  readonly items: readonly Item[];
  /** One per call item, `itemId` naming it. */
  readonly toolCalls: readonly Omit<
    ToolCallRecord,
    'attempt' | 'result' | 'fullResult' | 'resultHash' | 'error' | 'durationMs'
  >[];
  readonly modelCalls: readonly ModelCallEntry[];
  /** Null: no model was asked. */
  readonly answeredBy: string | null;
  readonly result: CallModelResult;
  /**
   * Close the turn in the same transaction. A turn that is `completed` without calls for the client does not close while
   * messages wait to join it: then the result is stored as `calls` with none of them, and the turn goes on.
   */
  readonly ending: TurnEnding | null;
  /** With `ending`: the number the terminal event will have. */
  readonly lastSequence: number | null;
}

export interface ToolClaim {
  readonly call: ToolCallRecord;
  readonly item: StoredItem;
  /** `run`: do it. `done`: the receipt is in `call`. `unknown`: an unkeyed call was begun before and never finished. */
  readonly decision: 'run' | 'done' | 'unknown';
}

export interface ToolReceipt {
  readonly turnId: string;
  readonly step: number;
  readonly callIndex: number;
  readonly attempt: number;
  readonly status: 'completed' | 'failed' | 'outcome_unknown' | 'cancelled';
  readonly result: string;
  readonly fullResult: string | null;
  readonly resultHash: string;
  readonly error: TurnError | null;
  readonly durationMs: number;
  /** The finished item, replacing the one written with the step. */
  readonly item: Item;
}

export interface ItemPage {
  readonly items: readonly StoredItem[];
  readonly hasMore: boolean;
}
export interface PageQuery {
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

/** A turn without a terminal state, as the sweeper sees it. */
export interface OpenTurn {
  readonly tenantId: string;
  readonly principalId: string;
  readonly turnId: string;
  readonly conversationId: string | null;
  readonly requestId: string;
  readonly settings: TurnSettings;
  readonly createdAtMs: number;
}

/** A conversation with turns that wait although none runs, and turns that still run although another interrupted them. */
export interface StrandedTurn {
  readonly tenantId: string;
  readonly turnId: string;
  readonly conversationId: string;
  /** The turn to be stopped for it; null: nothing runs, it can begin. */
  readonly interrupts: string | null;
}

export interface TurnStore {
  /**
   * One transaction: the turn with its input items, and step 1 claimed as attempt 1. Where another turn runs, what
   * `onConflict` says: the turn waits as `queued`, or its input joins the running one. Turns that wait begin in the order
   * in which they came, those that interrupt first.
   * @throws `conversation.not-found`, `conversation.busy` (message names the running turn), `conversation.queue-full`,
   *   `response.not-found` (unknown parent, param `previous_response_id`), `response.still-running` (parent not ended),
   *   `request.idempotency-mismatch`, `budget.exhausted` (with the time until it begins anew), `budget.unpriced-model`,
   *   `user.revoked`.
   */
  accept(scope: Scope, turn: NewTurn): Promise<AcceptOutcome>;
  get(scope: Scope, turnId: string): Promise<TurnRecord | null>;
  /** Output items of a turn in order. */
  output(scope: Scope, turnId: string): Promise<readonly StoredItem[]>;
  /** Pages over what the model saw as input: own input items first, then the ancestors', newest first for `desc`. */
  inputItems(scope: Scope, turnId: string, page: PageQuery): Promise<ItemPage>;
  /** @returns null for an unknown turn. */
  loadContext(scope: Scope, turnId: string): Promise<StepContext | null>;
  /**
   * Take a step for a new attempt (attempt number + 1), fencing all earlier ones. Messages that wait to join the turn
   * become input items after the output of the step before.
   * @throws `turn.cancelled` when the turn does not run: it has ended, or it has not begun; `user.revoked` when its owner
   *   was revoked meanwhile.
   */
  claimStep(scope: Scope, step: StepRef): Promise<StepClaim>;
  /** @returns null when a newer attempt holds the step or the turn has ended: nothing was written. */
  commitStep(scope: Scope, commit: StepCommit): Promise<CommittedStep | null>;
  /** Book the calls of an attempt that ended without a commit, and add them to the turn's sums. Safe to repeat. */
  recordCalls(
    scope: Scope,
    attempt: StepRef & { attempt: number; modelCalls: readonly ModelCallEntry[] },
  ): Promise<void>;
  /** Take a tool call for a new attempt; an `unkeyed` call that was begun before is not given out again. */
  claimTool(scope: Scope, key: { turnId: string; step: number; callIndex: number }): Promise<ToolClaim>;
  /** @returns false when a newer attempt holds the call: nothing was written. */
  commitTool(scope: Scope, receipt: ToolReceipt): Promise<boolean>;
  /**
   * Close a turn that is not closed; items still in progress become `incomplete`, calls without receipt
   * `cancelled`, but for an unkeyed one that was begun: `outcome_unknown`. Messages that waited to join it become a turn
   * of their own.
   * @returns the turn as it is now, whether this call closed it, and the turn that begins in its place.
   */
  finish(
    scope: Scope,
    turnId: string,
    ending: TurnEnding,
  ): Promise<{ turn: TurnRecord; closedNow: boolean; next: NextTurn | null }>;
  /** Take a turn out of the queue: it ends `cancelled` and never runs. @returns null when it does not wait (any more). */
  cancelQueued(scope: Scope, turnId: string): Promise<TurnRecord | null>;
  /** 1 for the turn that begins next; null when it does not wait. */
  findQueuePosition(scope: Scope, turnId: string): Promise<number | null>;
  /** Begin the turn that waits first in a conversation where none runs; null: none waits, or one runs. Safe to repeat. */
  beginNext(scope: Scope, conversationId: string): Promise<NextTurn | null>;
  /** Reserve a block of event numbers for a log that was lost. @returns its first number, above all given out before. */
  reserveSequence(scope: Scope, turnId: string): Promise<number>;
  /** Record the number of the terminal event, once it is published. */
  recordLastSequence(scope: Scope, turnId: string, lastSequence: number): Promise<void>;
  /**
   * Replace one stored item's data (input preparation: a fetched file gets its id).
   * @param by the attempt that prepares it. @throws `turn.stale-attempt` when a newer one holds that step, `item.not-found`.
   */
  replaceItem(
    scope: Scope,
    place: StepRef & { readonly index: number },
    item: Item,
    by: StepRef & { readonly attempt: number },
  ): Promise<void>;
  /** The whole result of a tool call of this conversation path, by the id of its item. */
  fullResult(scope: Scope, turnId: string, itemId: string): Promise<string | null>;
  /**
   * Delete a turn and its items. Children keep their place: their parent becomes the deleted turn's parent.
   * @returns false when there is none. @throws `response.still-running`.
   */
  remove(scope: Scope, turnId: string): Promise<boolean>;
  /**
   * System-wide, oldest first: running turns whose age is more than `olderThanMs`.
   * @param after the last turn of the page before; null for the first page.
   */
  listOpen(
    olderThanMs: number,
    limit: number,
    after: Pick<OpenTurn, 'createdAtMs' | 'turnId'> | null,
  ): Promise<readonly OpenTurn[]>;
  /** System-wide, oldest first: waiting turns whose age is more than `olderThanMs` and for which something is to be done. */
  listStranded(olderThanMs: number, limit: number): Promise<readonly StrandedTurn[]>;
  /**
   * System-wide: delete turns with `store: false` that ended before `endedBeforeMs` (since the epoch). Turns in a
   * conversation stay: the conversation keeps them. @returns how many.
   */
  purgeUnstored(endedBeforeMs: number, limit: number): Promise<number>;
}
