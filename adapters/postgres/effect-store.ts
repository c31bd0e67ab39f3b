/** Effects in PostgreSQL: the calls that were begun, with what became of them. What each method promises is said in the port. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { EffectRecord, EffectResolution, UndoStatus } from '../../domain/effect.js';
import { failure } from '../../domain/failures.js';
import { withResult } from '../../domain/changed-result.js';
import type { ToolItem } from '../../domain/item.js';
import type { EffectQuery, EffectStore, RunningUndo, UndoEnding } from '../../domain/ports/effect-store.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import type { TurnError } from '../../domain/turn.js';
import type { Connection, Database } from './database.js';
import { nullableObjectColumn, objectColumn, toJson } from './json-columns.js';
import { owned } from './ownership.js';
import { errorJson, fromToolCallRow, TOOL_CALL_COLUMNS, toSearchText } from './turn-rows.js';
import type { ToolCallRow } from './turn-rows.js';

export function createEffectStore(database: Database): EffectStore {
  return {
    list: (scope, query) => database.read(scope, (connection) => list(connection, scope, query)),
    get: (scope, id) => database.read(scope, (connection) => read(connection, scope, id)),
    requestUndo: (scope, id) =>
      database.write(scope, async (connection) => {
        await noteRow(connection, await requireEffect(connection, scope, id), scope);
        await sql`
          update tool_effects e set undo_status = 'running', undo_requested_at = ${new Date()}::timestamptz
          where ${rowOf(scope, id)} and e.undo_status is null`.execute(connection);
        return requireEffect(connection, scope, id);
      }),
    claimUndo: (scope, id) =>
      database.write(scope, async (connection) => {
        const { rows } = await sql<{ undo_attempt: number }>`
          update tool_effects e set undo_attempt = e.undo_attempt + 1
          where ${rowOf(scope, id)} and e.undo_status = 'running' returning e.undo_attempt`.execute(connection);
        return rows[0]?.undo_attempt ?? null;
      }),
    listRunningUndos: (olderThanMs, limit) => listRunningUndos(database, new Date(Date.now() - olderThanMs), limit),
    endUndo: (scope, ending) => database.write(scope, (connection) => endUndo(connection, scope, ending)),
    resolve: (scope, id, resolution) =>
      database.write(scope, (connection) => resolve(connection, scope, id, resolution)),
  };
}

interface EffectRow extends ToolCallRow {
  readonly principal_id: string;
  readonly conversation_id: string | null;
  readonly request_id: string;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly undo_status: UndoStatus | null;
  readonly undo_attempt: number | null;
  readonly undo_text: string | null;
  readonly undo_error: unknown;
  readonly undo_requested_at: Date | null;
  readonly undo_finished_at: Date | null;
  readonly happened: boolean | null;
  readonly note: string | null;
  readonly resolved_by: string | null;
  readonly resolved_at: Date | null;
}

/** Begun, with an effect, in the turn it ran in: a fork holds copies of what its original did. */
const EFFECTS = sql.raw(`
  select ${TOOL_CALL_COLUMNS}, t.principal_id, t.conversation_id, t.request_id, k.started_at, k.finished_at,
    e.undo_status, e.undo_attempt, e.undo_text, e.undo_error, e.undo_requested_at, e.undo_finished_at,
    e.happened, e.note, e.resolved_by, e.resolved_at
  from turns t
  join tool_calls k on k.tenant_id = t.tenant_id and k.turn_id = t.id
  left join tool_effects e on e.tenant_id = k.tenant_id and e.turn_id = k.turn_id and e.step = k.step
    and e.call_index = k.call_index
  where k.kind = 'tool' and k.effect in ('keyed', 'unkeyed') and k.attempt > 0
    and (t.settings -> 'fork' is null or k.step >= (t.settings #>> '{fork,step}')::integer)`);

async function list(
  connection: Connection,
  scope: Scope,
  { of, after, limit }: EffectQuery,
): ReturnType<EffectStore['list']> {
  const place = 'turnId' in of ? sql`t.id = ${of.turnId}::text` : sql`t.conversation_id = ${of.conversationId}::text`;
  const { rows } = await sql<EffectRow>`
    ${EFFECTS} and ${owned(scope, 't')} and ${place}
      and (${after}::text is null or (k.started_at, k.turn_id, k.step, k.call_index) < (
        select a.started_at, a.turn_id, a.step, a.call_index from tool_calls a join turns x
          on x.tenant_id = a.tenant_id and x.id = a.turn_id
        where a.item_id = ${after}::text and a.tenant_id = ${scope.tenantId}::text
          and (x.settings -> 'fork' is null or a.step >= (x.settings #>> '{fork,step}')::integer)
        limit 1))
    order by k.started_at desc, k.turn_id desc, k.step desc, k.call_index desc
    limit ${limit + 1}::integer`.execute(connection);
  return { effects: rows.slice(0, limit).map(fromRow), hasMore: rows.length > limit };
}

async function read(connection: Connection, scope: Scope, id: string): Promise<EffectRecord | null> {
  const { rows } = await sql<EffectRow>`
    ${EFFECTS} and ${owned(scope, 't')} and k.item_id = ${id}::text limit 1`.execute(connection);
  return rows[0] === undefined ? null : fromRow(rows[0]);
}

async function requireEffect(connection: Connection, scope: Scope, id: string): Promise<EffectRecord> {
  const effect = await read(connection, scope, id);
  if (effect === null) throw failure('effect.not-found', `there is no effect ${id}`);
  return effect;
}

async function noteRow(connection: Connection, { call, principalId }: EffectRecord, scope: Scope): Promise<void> {
  await sql`
    insert into tool_effects (tenant_id, turn_id, step, call_index, principal_id)
    values (${scope.tenantId}::text, ${call.turnId}::text, ${call.step}::integer, ${call.callIndex}::integer,
      ${principalId}::text)
    on conflict do nothing`.execute(connection);
}

/** The row `e` of an effect: only the turn a call ran in has one. */
function rowOf(scope: Scope, id: string): RawBuilder<unknown> {
  return sql`${owned(scope, 'e')} and (e.turn_id, e.step, e.call_index) in (
    select k.turn_id, k.step, k.call_index from tool_calls k
    where k.tenant_id = ${scope.tenantId}::text and k.item_id = ${id}::text)`;
}

/** The system role sees which there are; the rest is read as the tenant each belongs to. */
async function listRunningUndos(database: Database, before: Date, limit: number): Promise<readonly RunningUndo[]> {
  const places = await database.system(async (connection) => {
    const { rows } = await sql<{ tenant_id: string; turn_id: string; step: number; call_index: number }>`
      select tenant_id, turn_id, step, call_index from tool_effects
      where undo_status = 'running' and undo_requested_at <= ${before}::timestamptz
      order by undo_requested_at limit ${limit}::integer`.execute(connection);
    return rows;
  });
  const found: RunningUndo[] = [];
  for (const { tenant_id, turn_id, step, call_index } of places) {
    const scope = internalScope(tenant_id, 'sweeper');
    const { rows } = await database.read(scope, (connection) =>
      sql<EffectRow>`${EFFECTS} and ${owned(scope, 't')} and k.turn_id = ${turn_id}::text
        and k.step = ${step}::integer and k.call_index = ${call_index}::integer`.execute(connection),
    );
    // None: its response was deleted since.
    found.push(...rows.map((row) => ({ tenantId: tenant_id, effect: fromRow(row) })));
  }
  return found;
}

async function endUndo(connection: Connection, scope: Scope, ending: UndoEnding): Promise<boolean> {
  const { rows } = await sql<{ turn_id: string }>`
    update tool_effects e set undo_status = ${ending.status}::text, undo_text = ${ending.text}::text,
      undo_error = ${errorJson(ending.error)}::jsonb, undo_finished_at = ${new Date()}::timestamptz
    where ${rowOf(scope, ending.effectId)} and e.undo_status = 'running'
      and (${ending.attempt}::integer is null or e.undo_attempt = ${ending.attempt}::integer)
    returning e.turn_id`.execute(connection);
  return rows.length === 1;
}

async function resolve(
  connection: Connection,
  scope: Scope,
  id: string,
  { happened, note }: Pick<EffectResolution, 'happened' | 'note'>,
): Promise<EffectRecord | null> {
  const effect = await requireEffect(connection, scope, id);
  await noteRow(connection, effect, scope);
  const { rows } = await sql<{ turn_id: string }>`
    update tool_effects e set happened = ${happened}::boolean, note = ${note}::text,
      resolved_by = ${scope.principalId}::text, resolved_at = ${new Date()}::timestamptz
    where ${rowOf(scope, id)} and e.resolved_at is null returning e.turn_id`.execute(connection);
  if (rows.length === 0) return null;
  await tellModel(connection, scope, effect, resolutionText(happened, note));
  return requireEffect(connection, scope, id);
}

function resolutionText(happened: boolean, note: string | null): string {
  const found = happened ? 'it did take effect' : 'it did not take effect';
  return `A person found out: ${found}.${note === null || note.trim() === '' ? '' : ` Their note: ${note.trim()}`}`;
}

/** Whoever continues from this call, people and models, reads it there. */
async function tellModel(connection: Connection, scope: Scope, { call }: EffectRecord, text: string): Promise<void> {
  const told = `${call.result ?? ''}\n${text}`.trim();
  const place = sql`tenant_id = ${scope.tenantId}::text and turn_id = ${call.turnId}::text and step = ${call.step}::integer
    and item_id = ${call.itemId}::text`;
  const { rows } = await sql<{ data: unknown }>`
    update tool_calls set result = ${told}::text where ${place}
    returning (select i.data from items i
      where i.tenant_id = tool_calls.tenant_id and i.turn_id = tool_calls.turn_id and i.step = tool_calls.step
        and i.item_id = tool_calls.item_id limit 1) as data`.execute(connection);
  if (rows[0]?.data === undefined || rows[0].data === null) return;
  const item = objectColumn(rows[0].data, 'items.data') as ToolItem;
  const shown =
    item.type === 'turnstone:tool_call'
      ? { ...item, output: told }
      : ({ ...withResult(item, told), status: item.status } as ToolItem);
  await sql`
    update items set data = ${toJson(shown)}::jsonb, text = ${toSearchText(shown)}::text where ${place}`.execute(
    connection,
  );
}

function fromRow(row: EffectRow): EffectRecord {
  return {
    id: row.item_id,
    principalId: row.principal_id,
    conversationId: row.conversation_id,
    requestId: row.request_id,
    call: fromToolCallRow(row),
    startedAtMs: row.started_at?.getTime() ?? 0,
    finishedAtMs: row.finished_at?.getTime() ?? null,
    undo: undoOf(row),
    resolution: resolutionOf(row),
  };
}

function undoOf(row: EffectRow): EffectRecord['undo'] {
  if (row.undo_status === null || row.undo_requested_at === null) return null;
  return {
    status: row.undo_status,
    attempt: row.undo_attempt ?? 0,
    text: row.undo_text,
    error: nullableObjectColumn(row.undo_error, 'tool_effects.undo_error') as TurnError | null,
    requestedAtMs: row.undo_requested_at.getTime(),
    finishedAtMs: row.undo_finished_at?.getTime() ?? null,
  };
}

function resolutionOf({ happened, note, resolved_by, resolved_at }: EffectRow): EffectResolution | null {
  if (happened === null || resolved_by === null || resolved_at === null) return null;
  return { happened, note, resolvedBy: resolved_by, resolvedAtMs: resolved_at.getTime() };
}
