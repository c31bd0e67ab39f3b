/**
 * The dev server's visibility table has 59 indexes, most of them on columns for search attributes that nobody has defined.
 * Each record of a turn writes into all of them: three quarters of what a turn writes to the disk, and a sixth of the
 * server's processor time. Dropping an index changes how fast a query is, never its answer.
 *
 * SQLite is not part of Node 20; Python's standard library has it. Without Python the indexes stay.
 */
import type { Logger } from '../../domain/ports/logger.js';
import { runCommand } from './run-command.js';

const TIMEOUT_MS = 10_000;

/** On what the server's UI lists and filters by, what versioning asks for, and the columns our own attributes have. */
const KEPT = [
  'default_idx',
  'by_execution_time',
  'by_workflow_id',
  'by_workflow_type',
  'by_status',
  'by_task_queue',
  'by_parent_workflow_id',
  'by_root_workflow_id',
  'by_temporal_scheduled_by_id',
  'by_temporal_worker_deployment',
  'by_temporal_worker_deployment_version',
  'by_keyword_01',
  'by_keyword_02',
  'by_keyword_03',
  'by_keyword_04',
  'by_keyword_05',
  'by_keyword_06',
];

/** All or nothing: one transaction, which waits for the server's own. */
const SCRIPT = `
import sqlite3, sys
database = sqlite3.connect("file:" + sys.argv[1] + "?mode=rw", uri=True, timeout=5, isolation_level=None)
database.execute("begin immediate")
names = [name for name, sql in database.execute(
    "select name, sql from sqlite_master where type = 'index' and tbl_name = 'executions_visibility'"
) if sql and name not in sys.argv[2:]]
for name in names:
    database.execute('drop index "' + name.replace('"', '""') + '"')
database.execute("commit")
`;

/** For a database without rows: with many, dropping takes long, and the server waits. Never fails: the indexes stay then. */
export async function trimVisibility(
  databaseFile: string,
  logger: Logger,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const args = ['-I', '-c', SCRIPT, databaseFile, ...KEPT];
  const done = await runCommand('python3', args, { timeoutMs: TIMEOUT_MS, env: { PATH: env['PATH'] } });
  if (!done.ok) logger.debug({ reason: done.reason }, "the indexes of Temporal's visibility table stay as they are");
}
