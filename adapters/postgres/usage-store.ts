/** Usage in PostgreSQL: read from the ledger and the turns' sums, which are written with each step. */
import { sql } from 'kysely';
import type { RecordedModelCall, UsageStore, UsageTotals } from '../../domain/ports/usage-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection, Database } from './database.js';
import { owned } from './ownership.js';

const MAX_CALLS = 1_000;

export function createUsageStore(database: Database): UsageStore {
  return {
    ofConversation: (scope, id) => database.read(scope, (connection) => sumConversation(connection, scope, id)),
    callsOf: (scope, turnId) => database.read(scope, (connection) => readCalls(connection, scope, turnId)),
  };
}

interface TokenRow {
  readonly input_tokens: string;
  readonly cached_tokens: string;
  readonly output_tokens: string;
  readonly reasoning_tokens: string;
  readonly usage_estimated: boolean;
}

interface TotalsRow extends TokenRow {
  readonly turns: string;
  readonly cost_micros: string;
  readonly cost_incomplete: boolean;
}

async function sumConversation(connection: Connection, scope: Scope, conversationId: string): Promise<UsageTotals> {
  const { rows } = await sql<TotalsRow>`
    select count(*) as turns, coalesce(sum(input_tokens), 0) as input_tokens, coalesce(sum(cached_tokens), 0) as cached_tokens,
      coalesce(sum(output_tokens), 0) as output_tokens, coalesce(sum(reasoning_tokens), 0) as reasoning_tokens,
      coalesce(bool_or(usage_estimated), false) as usage_estimated, coalesce(sum(cost_micros), 0) as cost_micros,
      coalesce(bool_or(cost_incomplete), false) as cost_incomplete
    from turns
    where ${owned(scope)} and conversation_id = ${conversationId}::text and kind = 'response'`.execute(connection);
  const [row] = rows;
  if (row === undefined) throw new Error('a sum without a group always has a row');
  return {
    turns: Number(row.turns),
    usage: toUsage(row),
    costMicros: Number(row.cost_micros),
    costIncomplete: row.cost_incomplete,
  };
}

interface CallRow extends TokenRow {
  readonly step: number;
  readonly attempt: number;
  readonly model: string;
  readonly outcome: RecordedModelCall['outcome'];
  readonly failure_code: string | null;
  readonly cost_micros: string | null;
  readonly first_token_ms: string | null;
  readonly duration_ms: string;
  readonly created_at: Date;
}

async function readCalls(connection: Connection, scope: Scope, turnId: string): Promise<readonly RecordedModelCall[]> {
  const { rows } = await sql<CallRow>`
    select step, attempt, model, outcome, failure_code, input_tokens, cached_tokens, output_tokens, reasoning_tokens,
      usage_estimated, cost_micros, first_token_ms, duration_ms, created_at
    from model_calls where ${owned(scope)} and turn_id = ${turnId}::text
    order by step, attempt, index limit ${MAX_CALLS}::integer`.execute(connection);
  return rows.map((row) => ({
    step: row.step,
    attempt: row.attempt,
    model: row.model,
    outcome: row.outcome,
    failureCode: row.failure_code,
    usage: toUsage(row),
    costMicros: row.cost_micros === null ? null : Number(row.cost_micros),
    firstTokenMs: row.first_token_ms === null ? null : Number(row.first_token_ms),
    durationMs: Number(row.duration_ms),
    createdAtMs: row.created_at.getTime(),
  }));
}

function toUsage(row: TokenRow): UsageTotals['usage'] {
  return {
    inputTokens: Number(row.input_tokens),
    cachedTokens: Number(row.cached_tokens),
    outputTokens: Number(row.output_tokens),
    reasoningTokens: Number(row.reasoning_tokens),
    estimated: row.usage_estimated,
  };
}
