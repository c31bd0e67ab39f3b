/** The `response` object clients see: a pure projection of a turn and its output items. */
import type { OutputItem } from './item.js';
import type { JsonValue } from './json.js';
import type { TokenUsage } from './pricing.js';
import type { TextFormat, TurnFork, TurnRecord, TurnStatus } from './turn.js';

export interface ResponseUsage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
}

export interface ResponseResource {
  readonly id: string;
  readonly object: 'response';
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly status: TurnStatus;
  readonly background: boolean;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly incomplete_details: { readonly reason: string } | null;
  readonly instructions: string | null;
  readonly max_output_tokens: number | null;
  readonly max_tool_calls: number | null;
  readonly model: string;
  readonly output: readonly OutputItem[];
  readonly parallel_tool_calls: boolean;
  readonly previous_response_id: string | null;
  readonly conversation: { readonly id: string } | null;
  readonly reasoning: { readonly effort: string | null; readonly summary: null };
  readonly store: boolean;
  readonly temperature: number | null;
  readonly text: { readonly format: JsonValue };
  readonly tool_choice: JsonValue;
  readonly tools: readonly JsonValue[];
  readonly top_p: number | null;
  readonly truncation: 'auto' | 'disabled';
  readonly usage: ResponseUsage | null;
  readonly user: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly service_tier: 'default';
  /** Ours: what the standard has no field for. */
  readonly turnstone: {
    readonly agent: string;
    readonly answered_by: string | null;
    readonly cost_micros: number;
    readonly cost_incomplete: boolean;
    readonly usage_estimated: boolean;
    /** While it waits for another turn of its conversation: 1 runs next. */
    readonly queue_position?: number;
    /** The steps before `step` are copies: they ran, and had their effects, in that response. */
    readonly forked_from?: { readonly id: string; readonly step: number; readonly changed: readonly string[] };
    /** Present while the turn goes on only when a person has decided. */
    readonly waiting_for?: 'approval';
  };
}

export function toResponseUsage(usage: TokenUsage): ResponseUsage {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function toWireFormat(format: TextFormat): JsonValue {
  if (format.type !== 'json_schema') return { type: format.type };
  const { type, name, schema, strict, description } = format;
  return { type, name, schema, strict, ...(description === null ? {} : { description }) };
}

/** Usage is null until the turn ends, as in the OpenAI API. */
export function toResponseResource(turn: TurnRecord, output: readonly OutputItem[]): ResponseResource {
  const { settings } = turn;
  const ended = turn.completedAtMs !== null;
  return {
    id: turn.id,
    object: 'response',
    created_at: Math.floor(turn.createdAtMs / 1000),
    completed_at: turn.completedAtMs === null ? null : Math.floor(turn.completedAtMs / 1000),
    status: turn.status,
    background: turn.background,
    error: turn.error,
    incomplete_details: turn.incompleteReason === null ? null : { reason: turn.incompleteReason },
    instructions: settings.instructions,
    max_output_tokens: settings.maxOutputTokens,
    max_tool_calls: settings.maxToolCalls,
    model: settings.requestedModel,
    output,
    parallel_tool_calls: settings.parallelToolCalls,
    previous_response_id: turn.parentId,
    conversation: turn.conversationId === null ? null : { id: turn.conversationId },
    reasoning: { effort: settings.reasoningEffort, summary: null },
    store: turn.stored,
    temperature: settings.temperature,
    text: { format: toWireFormat(settings.textFormat) },
    tool_choice:
      typeof settings.toolChoice === 'string'
        ? settings.toolChoice
        : { type: 'function', name: settings.toolChoice.name },
    tools: settings.requestedTools,
    top_p: settings.topP,
    truncation: settings.truncation,
    usage: ended ? toResponseUsage(turn.usage) : null,
    user: settings.user,
    metadata: turn.metadata,
    service_tier: 'default',
    turnstone: {
      agent: settings.agent.name,
      answered_by: turn.answeredBy,
      cost_micros: turn.costMicros,
      cost_incomplete: turn.costIncomplete,
      usage_estimated: turn.usage.estimated,
      ...(settings.fork === undefined ? {} : { forked_from: forkedFrom(settings.fork) }),
    },
  };
}

function forkedFrom({ turnId, step, changed }: TurnFork): NonNullable<ResponseResource['turnstone']['forked_from']> {
  return { id: turnId, step, changed };
}
