/** Claiming and committing model steps. The turn's row is locked first in every statement, so that they cannot deadlock. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { failure } from '../../domain/failures.js';
import { addUsage, NO_USAGE } from '../../domain/pricing.js';
import type {
  CommittedStep,
  ModelCallEntry,
  StepClaim,
  StepCommit,
  StepRef,
  TurnStore,
} from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { CallModelResult } from '../../domain/turn-contract.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnStatus } from '../../domain/turn.js';
import { settleBudgets } from './budget-settlement.js';
import { lastIf } from './batched-transaction.js';
import type { Connection } from './database.js';
import { nullableObjectColumn, toJson } from './json-columns.js';
import { owned } from './ownership.js';
import { steersOfStep, takeSteers } from './steer-writes.js';
import { moveHead } from './turn-endings.js';
import { errorJson, fromTurnRow, SEQUENCES_PER_ATTEMPT, toItemsJson, TURN_COLUMNS } from './turn-rows.js';
import type { TurnRow } from './turn-rows.js';
import { followUp } from './waiting-turns.js';

const LEDGER_RECORD = sql.raw(
  'x(index integer, model text, outcome text, failure_code text, input_tokens bigint, cached_tokens bigint, output_tokens bigint, ' +
    'reasoning_tokens bigint, usage_estimated boolean, cost_micros bigint, first_token_ms bigint, duration_ms bigint)',
);

type CommittedRow = TurnRow & { readonly pending_steers: number; readonly has_waiting: boolean | null };

/** Laid over the result of a step that would have closed its turn, where a message waits to join. */
const GOES_ON = JSON.stringify({ outcome: 'calls', status: null } satisfies Partial<CallModelResult>);

interface ClaimRow {
  readonly attempt: number;
  readonly first_sequence: string;
  readonly result: unknown;
  readonly pending_steers: number;
}

/** A committed step may be claimed again even though it ended the turn: its result is what the caller needs. */
export async function claimStep(connection: Connection, scope: Scope, { turnId, step }: StepRef): Promise<StepClaim> {
  // A commit that was under way at the first look is seen at the second, which has a newer snapshot.
  const row = (await tryClaim(connection, scope, turnId, step)) ?? (await tryClaim(connection, scope, turnId, step));
  if (row !== undefined) {
    const committed = nullableObjectColumn(row.result, 'turn_steps.result') as CallModelResult | null;
    const claim = { attempt: row.attempt, firstSequence: Number(row.first_sequence), committed };
    if (committed !== null) return claim;
    if (row.pending_steers > 0) await takeSteers(connection, scope, turnId, step, new Date());
    // An attempt before this one may have taken some in, and not lived to tell.
    else if (row.attempt === 1) return claim;
    const steers = await steersOfStep(connection, scope, turnId, step);
    return steers.length === 0 ? claim : { ...claim, steers };
  }
  const { rows } = await sql<{ status: TurnStatus }>`
    select status from turns where ${owned(scope)} and id = ${turnId}::text`.execute(connection);
  if (rows[0] === undefined)
    throw failure('response.not-found', `there is no response ${turnId}; it may have been deleted`);
  if (rows[0].status === 'in_progress')
    throw failure('user.revoked', `the user of ${turnId} was revoked: no further step of it begins`);
  throw failure(
    'turn.cancelled',
    rows[0].status === 'queued'
      ? `step ${String(step)} of ${turnId} cannot begin: the turn still waits for another of its conversation`
      : `step ${String(step)} of ${turnId} cannot begin: the turn has already ended (${rows[0].status})`,
  );
}

async function tryClaim(
  connection: Connection,
  scope: Scope,
  turnId: string,
  step: number,
): Promise<ClaimRow | undefined> {
  const { rows } = await sql<ClaimRow>`
    with turn as (
      update turns t set
        next_sequence = t.next_sequence + ${SEQUENCES_PER_ATTEMPT}::bigint
      where ${owned(scope, 't')} and t.id = ${turnId}::text
        and ((t.status = 'in_progress' and not exists (
          select 1 from revoked_principals r where r.tenant_id = t.tenant_id and r.principal_id = t.principal_id)) or exists (
          select 1 from turn_steps s
          where s.tenant_id = t.tenant_id and s.turn_id = t.id and s.step = ${step}::integer and s.result is not null))
      returning t.tenant_id, t.id, t.principal_id, t.pending_steers,
        t.next_sequence - ${SEQUENCES_PER_ATTEMPT}::bigint as first_sequence),
    claim as (
      insert into turn_steps as s (tenant_id, turn_id, step, principal_id, attempt, claimed_at)
      select tenant_id, id, ${step}::integer, principal_id, 1, ${new Date()}::timestamptz from turn
      on conflict (tenant_id, turn_id, step) do update set attempt = s.attempt + 1, claimed_at = excluded.claimed_at
      returning s.attempt, s.result)
    select claim.attempt, claim.result, turn.first_sequence, turn.pending_steers from turn, claim`.execute(connection);
  return rows[0];
}

/** @returns the first of a new block of event numbers. */
export async function reserveSequence(connection: Connection, scope: Scope, turnId: string): Promise<number> {
  const { rows } = await sql<{ first_sequence: string }>`
    update turns set next_sequence = next_sequence + ${SEQUENCES_PER_ATTEMPT}::bigint
    where ${owned(scope)} and id = ${turnId}::text
    returning next_sequence - ${SEQUENCES_PER_ATTEMPT}::bigint as first_sequence`.execute(connection);
  if (rows[0] === undefined)
    throw failure('response.not-found', `there is no response ${turnId}; it may have been deleted`);
  return Number(rows[0].first_sequence);
}

/**
 * Everything a step leaves behind, in one statement; nothing at all when the attempt is no longer the newest. Each part finds
 * its row by the ids given, not by a join with the part before it: the planner would read all rows of the tenant for that.
 *
 * Messages that wait to join the turn keep it open; how many wait is read from its locked row, so none comes between.
 */
export async function commitStep(
  connection: Connection,
  scope: Scope,
  commit: StepCommit,
): Promise<CommittedStep | null> {
  const now = new Date();
  const spent = totalOf(commit.modelCalls);
  const { ending } = commit;
  const mayGoOn = ending?.status === 'completed' && commit.result.clientCalls === 0;
  const { rows } = await sql<CommittedRow>`
    with held as (
      select tenant_id, id, principal_id, conversation_id, pending_steers,
        case when ${mayGoOn}::boolean and pending_steers > 0 then null else ${ending?.status ?? null}::text end as ending
      from turns
      where ${owned(scope)} and id = ${commit.turnId}::text and status = 'in_progress'
      for update),
    step as (
      update turn_steps s set committed_at = ${now}::timestamptz,
        result = ${toJson(commit.result)}::jsonb || case
          when ${mayGoOn}::boolean and (select h.ending from held h) is null then ${GOES_ON}::jsonb else '{}'::jsonb end
      where ${owned(scope, 's')} and s.turn_id = ${commit.turnId}::text and s.step = ${commit.step}::integer
        and s.attempt = ${commit.attempt}::integer and s.result is null and exists (select 1 from held)
      returning s.tenant_id, s.turn_id as id, (select h.principal_id from held h) as principal_id,
        (select h.conversation_id from held h) as conversation_id),
    turn as (
      ${turnAfter(scope, commit, spent, now)}
      returning ${sql.raw(TURN_COLUMNS)}),
    items_written as (
      insert into items (tenant_id, turn_id, step, index, principal_id, direction, item_id, type, data, text)
      select step.tenant_id, step.id, ${commit.step}::integer, x.index, step.principal_id, 'output', x.item_id, x.type, x.data, x.text
      from step, jsonb_to_recordset(${toItemsJson(commit.items)}::jsonb)
        as x(index integer, item_id text, type text, data jsonb, text text)),
    calls_written as (
      insert into tool_calls (tenant_id, turn_id, step, call_index, principal_id, item_id, model_call_id, name, kind, arguments, effect,
        item_type, status)
      select step.tenant_id, step.id, ${commit.step}::integer, x.call_index, step.principal_id, x.item_id, x.model_call_id, x.name, x.kind,
        x.arguments, x.effect, x.item_type, x.status
      from step, jsonb_to_recordset(${toCallsJson(commit)}::jsonb)
        as x(call_index integer, item_id text, model_call_id text, name text, kind text, arguments text, effect text,
             item_type text, status text)),
    ledger as (
      insert into model_calls (tenant_id, turn_id, step, attempt, index, principal_id, model, outcome, failure_code,
        input_tokens, cached_tokens, output_tokens, reasoning_tokens, usage_estimated, cost_micros, first_token_ms,
        duration_ms, created_at)
      select step.tenant_id, step.id, ${commit.step}::integer, ${commit.attempt}::integer, x.index, step.principal_id,
        x.model, x.outcome, x.failure_code, x.input_tokens, x.cached_tokens, x.output_tokens, x.reasoning_tokens,
        x.usage_estimated, x.cost_micros, x.first_token_ms, x.duration_ms, ${now}::timestamptz
      from step, jsonb_to_recordset(${toLedgerJson(commit.modelCalls)}::jsonb)
        as ${LEDGER_RECORD}),
    ${settleBudgets(scope, commit, 'step', sql`${spent.costMicros}::bigint`, now)},
    head as (${moveHead(scope, commit.turnId, sql`(select h.ending from held h)`, 'step', now)})
    select turn.*, (select h.pending_steers from held h) as pending_steers, (select has_waiting from head) as has_waiting
    from turn ${lastIf(commit.ending === null)}`.execute(connection);
  const [row] = rows;
  if (row === undefined) return null;
  const turn = fromTurnRow(row);
  if (!isTerminal(turn.status)) return { turn, next: null };
  const closed = { id: turn.id, conversationId: turn.conversationId, pendingSteers: row.pending_steers };
  return { turn, next: await followUp(connection, scope, closed, row.has_waiting === true, now) };
}

/** What the step adds to its turn's row; with the part `held`, which says how the turn ends, if it does. */
function turnAfter(scope: Scope, commit: StepCommit, spent: Spent, now: Date): RawBuilder<unknown> {
  const { ending } = commit;
  return sql`update turns t set
      input_tokens = t.input_tokens + ${spent.usage.inputTokens}::bigint,
      cached_tokens = t.cached_tokens + ${spent.usage.cachedTokens}::bigint,
      output_tokens = t.output_tokens + ${spent.usage.outputTokens}::bigint,
      reasoning_tokens = t.reasoning_tokens + ${spent.usage.reasoningTokens}::bigint,
      usage_estimated = t.usage_estimated or ${spent.usage.estimated}::boolean,
      cost_micros = t.cost_micros + ${spent.costMicros}::bigint,
      cost_incomplete = t.cost_incomplete or ${spent.costIncomplete}::boolean,
      answered_by = coalesce(${commit.answeredBy}::text, t.answered_by),
      status = coalesce((select h.ending from held h), 'in_progress'),
      error = ${errorJson(ending?.error ?? null)}::jsonb,
      incomplete_reason = ${ending?.incompleteReason ?? null}::text,
      completed_at = case when (select h.ending from held h) is not null then ${now}::timestamptz end,
      last_sequence = case when (select h.ending from held h) is not null then ${commit.lastSequence}::bigint end
    where ${owned(scope, 't')} and t.id = ${commit.turnId}::text and exists (select 1 from step)`;
}

/** Calls that are on the ledger already count once. */
export async function recordCalls(
  connection: Connection,
  scope: Scope,
  { turnId, step, attempt, modelCalls }: Parameters<TurnStore['recordCalls']>[1],
): Promise<void> {
  const now = new Date();
  await sql`
    with ledger as (
      insert into model_calls (tenant_id, turn_id, step, attempt, index, principal_id, model, outcome, failure_code,
        input_tokens, cached_tokens, output_tokens, reasoning_tokens, usage_estimated, cost_micros, first_token_ms,
        duration_ms, created_at)
      select t.tenant_id, t.id, ${step}::integer, ${attempt}::integer, x.index, t.principal_id, x.model, x.outcome,
        x.failure_code, x.input_tokens, x.cached_tokens, x.output_tokens, x.reasoning_tokens, x.usage_estimated,
        x.cost_micros, x.first_token_ms, x.duration_ms, ${now}::timestamptz
      from turns t, jsonb_to_recordset(${toLedgerJson(modelCalls)}::jsonb) as ${LEDGER_RECORD}
      where ${owned(scope, 't')} and t.id = ${turnId}::text
      on conflict do nothing
      returning *),
    turn as (
      select t.principal_id from turns t
      where t.tenant_id = ${scope.tenantId}::text and t.id = ${turnId}::text),
    ${settleBudgets(scope, { turnId, step, attempt }, 'turn', sql`(select coalesce(sum(l.cost_micros), 0) from ledger l)`, now)}
    update turns t set
      input_tokens = t.input_tokens + (select coalesce(sum(l.input_tokens), 0) from ledger l),
      cached_tokens = t.cached_tokens + (select coalesce(sum(l.cached_tokens), 0) from ledger l),
      output_tokens = t.output_tokens + (select coalesce(sum(l.output_tokens), 0) from ledger l),
      reasoning_tokens = t.reasoning_tokens + (select coalesce(sum(l.reasoning_tokens), 0) from ledger l),
      usage_estimated = t.usage_estimated or (select coalesce(bool_or(l.usage_estimated), false) from ledger l),
      cost_micros = t.cost_micros + (select coalesce(sum(l.cost_micros), 0) from ledger l),
      cost_incomplete = t.cost_incomplete or (
        select coalesce(bool_or(l.cost_micros is null and l.input_tokens + l.output_tokens > 0), false) from ledger l)
    where ${owned(scope, 't')} and t.id = ${turnId}::text`.execute(connection);
}

interface Spent {
  readonly usage: typeof NO_USAGE;
  readonly costMicros: number;
  readonly costIncomplete: boolean;
}

function totalOf(calls: readonly ModelCallEntry[]): Spent {
  return {
    usage: calls.map((call) => call.usage).reduce(addUsage, NO_USAGE),
    costMicros: calls.reduce((sum, call) => sum + (call.costMicros ?? 0), 0),
    // A call that used nothing (refused, unreachable) costs nothing, whether its price is known or not.
    costIncomplete: calls.some(
      (call) => call.costMicros === null && call.usage.inputTokens + call.usage.outputTokens > 0,
    ),
  };
}

function toCallsJson({ toolCalls }: StepCommit): string {
  return JSON.stringify(
    toolCalls.map((call) => ({
      call_index: call.callIndex,
      item_id: call.itemId,
      model_call_id: call.modelCallId,
      name: call.name,
      kind: call.kind,
      arguments: call.arguments,
      effect: call.effect,
      item_type: call.itemType,
      status: call.status,
    })),
  );
}

function toLedgerJson(calls: readonly ModelCallEntry[]): string {
  return JSON.stringify(
    calls.map((call, index) => ({
      index,
      model: call.model,
      outcome: call.outcome,
      failure_code: call.failureCode,
      input_tokens: call.usage.inputTokens,
      cached_tokens: call.usage.cachedTokens,
      output_tokens: call.usage.outputTokens,
      reasoning_tokens: call.usage.reasoningTokens,
      usage_estimated: call.usage.estimated,
      cost_micros: call.costMicros,
      first_token_ms: call.firstTokenMs === null ? null : Math.round(call.firstTokenMs),
      duration_ms: Math.round(call.durationMs),
    })),
  );
}
