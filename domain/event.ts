/**
 * Events of a turn: the Open Responses streaming vocabulary (names and shapes of the `openai` package) plus ours, prefixed
 * `turnstone:`. A draft has no number; the event log gives each its `sequence_number`, strictly increasing per turn.
 */
import type { ApprovalStatus } from './approval.js';
import type { Item, OutputContent, OutputItem } from './item.js';
import type { ResponseResource } from './response-resource.js';

interface ItemAt {
  readonly item_id: string;
  readonly output_index: number;
}
interface PartAt extends ItemAt {
  readonly content_index: number;
}
interface SummaryAt extends ItemAt {
  readonly summary_index: number;
}

export type ContentPart = OutputContent | { readonly type: 'reasoning_text'; readonly text: string };

export type TerminalEventType = 'response.completed' | 'response.failed' | 'response.incomplete';

export type TurnEventDraft =
  | {
      readonly type: 'response.created' | 'response.queued' | 'response.in_progress';
      readonly response: ResponseResource;
    }
  | { readonly type: TerminalEventType; readonly response: ResponseResource }
  | {
      readonly type: 'response.output_item.added' | 'response.output_item.done';
      readonly output_index: number;
      readonly item: OutputItem;
    }
  | ({
      readonly type: 'response.content_part.added' | 'response.content_part.done';
      readonly part: ContentPart;
    } & PartAt)
  | ({
      readonly type: 'response.output_text.delta';
      readonly delta: string;
      readonly logprobs: readonly never[];
    } & PartAt)
  | ({
      readonly type: 'response.output_text.done';
      readonly text: string;
      readonly logprobs: readonly never[];
    } & PartAt)
  | ({ readonly type: 'response.refusal.delta'; readonly delta: string } & PartAt)
  | ({ readonly type: 'response.refusal.done'; readonly refusal: string } & PartAt)
  | ({ readonly type: 'response.reasoning_text.delta'; readonly delta: string } & PartAt)
  | ({ readonly type: 'response.reasoning_text.done'; readonly text: string } & PartAt)
  | ({
      readonly type: 'response.reasoning_summary_part.added' | 'response.reasoning_summary_part.done';
      readonly part: { readonly type: 'summary_text'; readonly text: string };
    } & SummaryAt)
  | ({ readonly type: 'response.reasoning_summary_text.delta'; readonly delta: string } & SummaryAt)
  | ({ readonly type: 'response.reasoning_summary_text.done'; readonly text: string } & SummaryAt)
  | ({ readonly type: 'response.function_call_arguments.delta'; readonly delta: string } & ItemAt)
  | ({
      readonly type: 'response.function_call_arguments.done';
      readonly name: string;
      readonly arguments: string;
    } & ItemAt)
  | ({
      readonly type:
        | 'response.code_interpreter_call.in_progress'
        | 'response.code_interpreter_call.interpreting'
        | 'response.code_interpreter_call.completed'
        | 'response.web_search_call.in_progress'
        | 'response.web_search_call.searching'
        | 'response.web_search_call.completed';
    } & ItemAt)
  | ({ readonly type: 'response.code_interpreter_call_code.delta'; readonly delta: string } & ItemAt)
  | ({ readonly type: 'response.code_interpreter_call_code.done'; readonly code: string } & ItemAt)
  | StageEventDraft
  | ApprovalEventDraft
  | StepResetDraft
  | SteerPickedUpDraft
  | SnapshotDraft;

/** A named piece of progress under a tool call, for people; `stage_id` is unique within the turn. */
export interface StageEventDraft {
  readonly type: 'turnstone:stage.started' | 'turnstone:stage.completed' | 'turnstone:stage.failed';
  readonly stage_id: string;
  readonly title: string;
  readonly item_id?: string;
  readonly output_index?: number;
  readonly content?: string;
}

/** A person is asked about a call, has decided, or has not; `item_id` is the item of the call. */
export interface ApprovalEventDraft {
  readonly type:
    | 'turnstone:approval.requested'
    | 'turnstone:approval.decided'
    | 'turnstone:approval.expired'
    | 'turnstone:approval.escalated';
  readonly approval_id: string;
  readonly item_id: string;
  readonly name: string;
  readonly status: ApprovalStatus;
  readonly arguments_hash: string;
  /** Seconds since the epoch. */
  readonly expires_at: number;
  /** True when the person changed the arguments. */
  readonly edited: boolean;
  readonly reason: string | null;
}

/** A retry of a step begins: drop every output item from `output_index` on; what follows replaces it. */
export interface StepResetDraft {
  readonly type: 'turnstone:step.reset';
  /** Null: no attempt follows, the turn has ended. */
  readonly step: number | null;
  readonly attempt: number;
  readonly output_index: number;
  readonly reason: string;
}

/**
 * A message sent while the turn ran is part of it from here on: it stands before the output item `before_output_index`.
 * Said again, with the same `steer_id`, when a new attempt begins the step.
 */
export interface SteerPickedUpDraft {
  readonly type: 'turnstone:steer.picked_up';
  readonly steer_id: string;
  readonly step: number;
  readonly before_output_index: number;
  readonly items: readonly Item[];
}

/** Stands in for all events up to and including `covers`: the whole state of the response at that point. */
export interface SnapshotDraft {
  readonly type: 'turnstone:snapshot';
  readonly covers: number;
  readonly response: ResponseResource;
}

export type TurnEvent = TurnEventDraft & { readonly sequence_number: number };

export function isTerminalEvent(event: TurnEventDraft): boolean {
  return (
    event.type === 'response.completed' || event.type === 'response.failed' || event.type === 'response.incomplete'
  );
}
