/** Reading a turn and the path from it up to the root of its tree. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { ItemPage, PageQuery, StepContext } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { StoredItem, TurnRecord } from '../../domain/turn.js';
import { LAST } from './batched-transaction.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';
import {
  fromItemRow,
  fromToolCallRow,
  fromTurnRow,
  ITEM_COLUMNS,
  TOOL_CALL_COLUMNS,
  TURN_COLUMNS,
} from './turn-rows.js';
import type { ItemRow, ToolCallRow, TurnRow } from './turn-rows.js';

/** Longest path that is read. `depth` shrinks at each step up, so even damaged rows cannot make a walk endless. */
const MAX_PATH_TURNS = 10_000;

export async function readTurn(connection: Connection, scope: Scope, turnId: string): Promise<TurnRecord | null> {
  const { rows } = await sql<TurnRow>`
    select ${sql.raw(TURN_COLUMNS)} from turns t
    where ${owned(scope, 't')} and t.id = ${turnId}::text`.execute(connection);
  return rows[0] === undefined ? null : fromTurnRow(rows[0]);
}

/** `chain(id, depth)`: the turn and its ancestors. With `untilCompaction`, none above the newest turn that has one. */
function chainFrom(scope: Scope, turnId: string, untilCompaction = false): RawBuilder<unknown> {
  // A scalar subquery, not `exists`: as a join the planner may read all compactions of the tenant for each turn.
  const stop = untilCompaction
    ? sql`and (select 1 from items s
        where s.tenant_id = c.tenant_id and s.turn_id = c.id and s.type = 'compaction' limit 1) is null`
    : sql``;
  return sql`chain as (
    select t.tenant_id, t.id, t.parent_id, t.depth, 1 as length from turns t
    where ${owned(scope, 't')} and t.id = ${turnId}::text
    union all
    select p.tenant_id, p.id, p.parent_id, p.depth, c.length + 1
    from chain c join turns p on p.tenant_id = c.tenant_id and p.id = c.parent_id
    where p.depth < c.depth and c.length < ${MAX_PATH_TURNS}::integer ${stop})`;
}

type PathRow = ItemRow & { readonly is_call: boolean } & {
  readonly [Column in keyof ToolCallRow as `call_${Column}`]: ToolCallRow[Column];
};

const CALL_COLUMNS = TOOL_CALL_COLUMNS.replaceAll(/k\.(\w+)/g, 'k.$1 as call_$1');

/** The turn, and in one more query everything a model step is built from: back to the newest turn that was compacted. */
export async function loadStepContext(
  connection: Connection,
  scope: Scope,
  turnId: string,
): Promise<StepContext | null> {
  const found = await readTurnWithBudgets(connection, scope, turnId);
  if (found === null) return null;
  const { rows } = await sql<PathRow>`
    with recursive ${chainFrom(scope, turnId, true)}
    select ${sql.raw(ITEM_COLUMNS)}, k.turn_id is not null as is_call, ${sql.raw(CALL_COLUMNS)}
    from chain c
    join items i on i.tenant_id = c.tenant_id and i.turn_id = c.id
    left join tool_calls k on k.tenant_id = i.tenant_id and k.turn_id = i.turn_id and k.step = i.step and k.item_id = i.item_id
    order by c.depth, i.step, i.index, k.call_index ${LAST}`.execute(connection);
  return { ...found, path: rows.map(fromItemRow), toolCalls: rows.filter((row) => row.is_call).map(toCall) };
}

async function readTurnWithBudgets(
  connection: Connection,
  scope: Scope,
  turnId: string,
): Promise<Pick<StepContext, 'turn' | 'budgeted'> | null> {
  const { rows } = await sql<TurnRow & { readonly budgeted: boolean }>`
    select ${sql.raw(TURN_COLUMNS)}, exists (
      select 1 from budgets b
      where lower(b.tenant_id) = ${scope.tenantId}::text
        and (b.principal_id is null or b.principal_id = t.principal_id)) as budgeted
    from turns t where t.tenant_id = ${scope.tenantId}::text and t.id = ${turnId}::text`.execute(connection);
  return rows[0] === undefined ? null : { turn: fromTurnRow(rows[0]), budgeted: rows[0].budgeted };
}

function toCall(row: PathRow): ReturnType<typeof fromToolCallRow> {
  return fromToolCallRow({
    turn_id: row.call_turn_id,
    step: row.call_step,
    call_index: row.call_call_index,
    item_id: row.call_item_id,
    model_call_id: row.call_model_call_id,
    name: row.call_name,
    kind: row.call_kind,
    arguments: row.call_arguments,
    effect: row.call_effect,
    item_type: row.call_item_type,
    status: row.call_status,
    attempt: row.call_attempt,
    result: row.call_result,
    full_result: row.call_full_result,
    result_hash: row.call_result_hash,
    error: row.call_error,
    duration_ms: row.call_duration_ms,
  });
}

/** Output items of one turn. */
export async function readOutput(connection: Connection, scope: Scope, turnId: string): Promise<readonly StoredItem[]> {
  const { rows } = await sql<ItemRow>`
    select ${sql.raw(ITEM_COLUMNS)} from items i
    where ${owned(scope, 'i')} and i.turn_id = ${turnId}::text and i.direction = 'output'
    order by i.step, i.index`.execute(connection);
  return rows.map(fromItemRow);
}

/**
 * One page of the items on the path up from a turn, in path order.
 * @param inputOf leaves out the output of this turn: what it was answered from.
 */
export async function pagePath(
  connection: Connection,
  scope: Scope,
  turnId: string,
  page: PageQuery,
  inputOf: string | null,
): Promise<ItemPage> {
  const onward = page.order === 'desc' ? sql`desc` : sql`asc`;
  const backward = page.order === 'desc' ? sql`asc` : sql`desc`;
  const beyond = page.order === 'desc' ? sql`<` : sql`>`;
  // Clients may send the same item id twice along a path: the last place counts, so that paging cannot go in circles.
  const { rows } = await sql<ItemRow>`
    with recursive ${chainFrom(scope, turnId)},
    path as (
      select c.depth, i.item_id, ${sql.raw(ITEM_COLUMNS)}
      from chain c join items i on i.tenant_id = c.tenant_id and i.turn_id = c.id
      where i.turn_id is distinct from ${inputOf}::text or i.direction = 'input'),
    cursor as (
      select depth, step, index from path where item_id = ${page.after}::text
      order by depth ${backward}, step ${backward}, index ${backward} limit 1)
    select ${sql.raw(ITEM_COLUMNS)} from path i
    where ${page.after === null}::boolean or (i.depth, i.step, i.index) ${beyond} (select depth, step, index from cursor)
    order by i.depth ${onward}, i.step ${onward}, i.index ${onward}
    limit ${page.limit + 1}::integer`.execute(connection);
  if (rows.length === 0 && page.after !== null) await requireOnPath(connection, scope, turnId, page.after);
  return { items: rows.slice(0, page.limit).map(fromItemRow), hasMore: rows.length > page.limit };
}

/** An empty page is the end of the path, or a cursor that names nothing. */
async function requireOnPath(connection: Connection, scope: Scope, turnId: string, itemId: string): Promise<void> {
  const { rows } = await sql`
    with recursive ${chainFrom(scope, turnId)}
    select 1 from chain c join items i on i.tenant_id = c.tenant_id and i.turn_id = c.id
    where i.item_id = ${itemId}::text limit 1`.execute(connection);
  if (rows.length === 0)
    throw failure('request.invalid', `there is no item ${itemId} to page on from`, { param: 'after' });
}

/** The whole result of a call on the path, by the id of its item. */
export async function readFullResult(
  connection: Connection,
  scope: Scope,
  turnId: string,
  itemId: string,
): Promise<string | null> {
  const { rows } = await sql<{ result: string | null }>`
    with recursive ${chainFrom(scope, turnId)}
    select coalesce(k.full_result, k.result) as result
    from chain c join tool_calls k on k.tenant_id = c.tenant_id and k.turn_id = c.id
    where k.item_id = ${itemId}::text
    order by c.depth desc, k.step desc, k.call_index desc limit 1`.execute(connection);
  return rows[0]?.result ?? null;
}
