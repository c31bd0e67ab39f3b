/** Lists of conversations: by time, or by how well they match a search. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { ConversationHit, ConversationQuery } from '../../domain/ports/conversation-store.js';
import { seesWholeTenant } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import { CONVERSATION_COLUMNS, fromConversationRow } from './conversation-rows.js';
import type { ConversationRow } from './conversation-rows.js';
import type { Connection } from './database.js';
import { owned } from './ownership.js';

/** Newest matching items that are ranked; a search that matches more is too wide to be read to its end anyway. */
const MAX_MATCHES = 5_000;
/** A hit in the title says more than one in a message. */
const TITLE_WEIGHT = 4;
const SNIPPET_OPTIONS = 'StartSel=**, StopSel=**, MaxWords=30, MinWords=12, MaxFragments=1';

interface HitPage {
  readonly hits: readonly ConversationHit[];
  readonly hasMore: boolean;
}

const COLUMNS = sql.raw(CONVERSATION_COLUMNS.map((column) => `c.${column}`).join(', '));

export async function listConversations(
  connection: Connection,
  scope: Scope,
  query: ConversationQuery,
): Promise<HitPage> {
  const q = query.q?.trim() ?? '';
  return q === '' ? listRecent(connection, scope, query) : search(connection, scope, query, q);
}

async function listRecent(connection: Connection, scope: Scope, query: ConversationQuery): Promise<HitPage> {
  const { rows } = await sql<ConversationRow>`
    select ${COLUMNS} from conversations c
    where ${listed(scope)} and ${archivedIs(query)}
      and (${query.after === null}::boolean or (c.updated_at, c.id) ${beyond(query)} (
        select a.updated_at, a.id from conversations a
        where ${owned(scope, 'a')} and a.id = ${query.after}::text))
    order by c.updated_at ${onward(query)}, c.id ${onward(query)}
    limit ${query.limit + 1}::integer`.execute(connection);
  return toPage(connection, scope, query, rows, () => null);
}

/**
 * Ranked by the best match of each conversation; equal ranks by age. Snippets are made for the rows of the page only,
 * since making one reads the whole text.
 */
async function search(connection: Connection, scope: Scope, query: ConversationQuery, q: string): Promise<HitPage> {
  const { rows } = await sql<ConversationRow & { readonly snippet: string | null }>`
    with matches as (
      select conversation_id, turn_id, step, index, rank from turnstone_search(${q}::text, ${MAX_MATCHES}::integer)
      union all
      select c.id, null, null, null,
        ${TITLE_WEIGHT}::double precision * ts_rank_cd(c.title_search, websearch_to_tsquery('simple', ${q}::text))
      from conversations c
      where ${listed(scope)} and c.title_search @@ websearch_to_tsquery('simple', ${q}::text)),
    best as (
      select distinct on (conversation_id) * from matches
      order by conversation_id, rank desc, turn_id desc nulls last, step desc, index desc),
    page as (
      select c.*, b.turn_id, b.step, b.index, b.rank
      from best b join conversations c on ${owned(scope, 'c')} and c.id = b.conversation_id
      where ${archivedIs(query)}
        and (${query.after === null}::boolean or (b.rank, c.id) ${beyond(query)} (
          select a.rank, a.conversation_id from best a where a.conversation_id = ${query.after}::text))
      order by b.rank ${onward(query)}, c.id ${onward(query)}
      limit ${query.limit + 1}::integer)
    select ${COLUMNS},
      ts_headline('simple', coalesce(i.text, c.title, ''), websearch_to_tsquery('simple', ${q}::text), ${SNIPPET_OPTIONS}::text)
        as snippet
    from page c
    left join items i on i.tenant_id = c.tenant_id and i.turn_id = c.turn_id and i.step = c.step and i.index = c.index
    order by c.rank ${onward(query)}, c.id ${onward(query)}`.execute(connection);
  return toPage(connection, scope, query, rows, (row) => row.snippet);
}

async function toPage<Row extends ConversationRow>(
  connection: Connection,
  scope: Scope,
  query: ConversationQuery,
  rows: readonly Row[],
  snippetOf: (row: Row) => string | null,
): Promise<HitPage> {
  if (rows.length === 0 && query.after !== null) await requireCursor(connection, scope, query.after);
  return {
    hits: rows
      .slice(0, query.limit)
      .map((row) => ({ conversation: fromConversationRow(row), snippet: snippetOf(row) })),
    hasMore: rows.length > query.limit,
  };
}

/** An empty page is the end of the list, or a cursor that names nothing. */
async function requireCursor(connection: Connection, scope: Scope, id: string): Promise<void> {
  const found = await connection
    .selectFrom('conversations')
    .select('id')
    .where(owned(scope))
    .where('id', '=', id)
    .executeTakeFirst();
  if (found === undefined) {
    throw failure('request.invalid', `there is no conversation ${id} to page on from`, { param: 'after' });
  }
}

/** As the indexes of the list are written: one for what a principal owns, one for the whole tenant; tenant ids are lower-case. */
function listed(scope: Scope): RawBuilder<unknown> {
  if (seesWholeTenant(scope)) return sql`lower(c.tenant_id) = ${scope.tenantId}::text`;
  return sql`(c.tenant_id || '/' || c.principal_id) = ${`${scope.tenantId}/${scope.principalId}`}::text`;
}

function archivedIs({ archived }: ConversationQuery): RawBuilder<unknown> {
  return archived === 'any' ? sql`true` : sql`c.archived = ${archived}::boolean`;
}

function onward({ order }: ConversationQuery): RawBuilder<unknown> {
  return order === 'desc' ? sql`desc` : sql`asc`;
}

function beyond({ order }: ConversationQuery): RawBuilder<unknown> {
  return order === 'desc' ? sql`<` : sql`>`;
}
