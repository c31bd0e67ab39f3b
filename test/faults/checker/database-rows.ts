/** The tables of a stopped product, read from its data folder (or from the PostgreSQL it used) as they are on disk. */
import { join } from 'node:path';
import pg from 'pg';
import { openPglite } from '../../../adapters/pglite/open-pglite.js';
import { silentLogger } from '../../support/silent-logger.js';
import { TENANTS } from '../world/callers.js';

export interface TurnRow {
  readonly id: string;
  readonly status: string;
  readonly idempotency_key: string | null;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost_micros: number;
}

export interface ToolRow {
  readonly turn_id: string;
  readonly step: number;
  readonly call_index: number;
  readonly name: string;
  readonly arguments: string;
  readonly status: string;
  readonly attempt: number;
  /** Of the decision about it; null: nobody was asked. */
  readonly approval: string | null;
  /** What a person made of its arguments. */
  readonly edited: string | null;
  /** The turn that took the decision, and the call with it. */
  readonly followed_by: string | null;
  readonly undo: string | null;
}

export interface ModelCallRow {
  readonly turn_id: string;
  readonly step: number;
  readonly attempt: number;
  readonly outcome: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost_micros: number | null;
  /** The provider did not say: the counts are ours. */
  readonly usage_estimated: boolean;
}

export interface DatabaseRows {
  readonly turns: readonly TurnRow[];
  readonly tools: readonly ToolRow[];
  readonly modelCalls: readonly ModelCallRow[];
  /** Two committed results for one place, or items of two attempts beside each other: must be empty. */
  readonly doubled: readonly string[];
  /** Rows of one tenant that speak of another's turns: must be empty. */
  readonly foreign: readonly string[];
}

export async function readRows(source: { dataDir: string } | { url: string }): Promise<DatabaseRows> {
  if ('url' in source) {
    const client = new pg.Client({ connectionString: source.url });
    await client.connect();
    try {
      return await readTables(client);
    } finally {
      await client.end();
    }
  }
  const opened = await openPglite({ dataDir: join(source.dataDir, 'database'), logger: silentLogger });
  try {
    return await readTables(opened.pool);
  } finally {
    await opened.close();
  }
}

async function readTables(client: Pick<pg.Pool, 'query'>): Promise<DatabaseRows> {
  const rows = async <T extends pg.QueryResultRow>(text: string): Promise<readonly T[]> =>
    (await client.query<T>(text)).rows;
  const turns = await rows<TurnRow>(`
    select id, status, idempotency_key, input_tokens::float8 as input_tokens, output_tokens::float8 as output_tokens,
      cost_micros::float8 as cost_micros
    from turns where kind = 'response'`);
  const tools = await rows<ToolRow>(`
    select c.turn_id, c.step, c.call_index, c.name, c.arguments, c.status, c.attempt, a.status as approval,
      a.edited_arguments as edited, a.followed_by, e.undo_status as undo
    from tool_calls c left join approvals a using (tenant_id, turn_id, step, call_index)
      left join tool_effects e using (tenant_id, turn_id, step, call_index)
    where c.kind = 'tool'`);
  const modelCalls = await rows<ModelCallRow>(`
    select turn_id, step, attempt, outcome, usage_estimated, input_tokens::float8 as input_tokens, output_tokens::float8 as output_tokens,
      cost_micros::float8 as cost_micros
    from model_calls`);
  const doubled = await rows<{ place: string }>(`
    select turn_id || ' item ' || item_id as place from items group by turn_id, item_id having count(*) > 1
    union all
    select i.turn_id || ' step ' || i.step from items i
      left join turn_steps s on s.turn_id = i.turn_id and s.step = i.step
      where i.direction = 'output' and s.result is null group by i.turn_id, i.step`);
  const tables = await rows<{ name: string }>(`
    select table_name as name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where c.column_name = 'tenant_id' and table_schema = current_schema() and table_type = 'BASE TABLE'`);
  const foreign: string[] = [];
  for (const { name } of tables) {
    for (const tenant of TENANTS) {
      const [found] = await rows<{ count: number }>(
        `select count(*)::int as count from ${name} t where tenant_id <> '${tenant}' and t::text like '%plan-${tenant}-%'`,
      );
      if ((found?.count ?? 0) > 0) foreign.push(`${found?.count} rows of ${name} speak of ${tenant}`);
    }
  }
  return { turns, tools, modelCalls, doubled: doubled.map(({ place }) => place), foreign };
}
