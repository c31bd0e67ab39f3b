/**
 * A transaction in fewer exchanges with the database. `begin` and its settings wait for the first statement and travel with
 * it; where a statement says that it is the last, `commit` travels right behind it. The database runs them in order, one
 * after the other, so nothing changes but the waiting:
 *
 * - settings that fail leave the transaction aborted, and the statement behind them fails too: it never runs without them;
 * - a statement that fails leaves it aborted, and the commit behind it rolls back.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

/**
 * Put at the end of a statement: the transaction commits with it. What follows in the code can no longer take it back, so
 * it is for the statement whose success decides.
 */
export const LAST = sql.raw('/* last */');
/** For a statement that is followed by others in some cases. */
export const lastIf = (isLast: boolean): RawBuilder<unknown> => (isLast ? LAST : sql``);
const LAST_MARK = '/* last */';
const BEGIN = 'begin;';

interface Answer {
  readonly rows: unknown[];
  readonly command: string;
  readonly rowCount: number | null;
}
type Send = (text: string, values: readonly unknown[]) => Promise<Answer>;

const NOTHING: Answer = { rows: [], command: '', rowCount: null };

/** @param send hands a statement to the connection; in the order of the calls, without waiting for answers. */
export function createBatchedTransaction(send: Send): Send {
  let settings: string | null = null;
  let committed: Promise<Answer> | null = null;

  const end = (text: 'commit' | 'rollback'): Promise<Answer> => {
    const sent = committed;
    committed = null;
    if (settings !== null) {
      // Nothing was asked in between: nothing has begun.
      settings = null;
      return Promise.resolve(NOTHING);
    }
    if (sent === null) return send(text, []);
    return text === 'commit' ? sent : sent.catch(() => NOTHING);
  };
  const ask: Send = (text, values) => {
    if (committed !== null) throw new Error('a statement came after the last one of its transaction');
    const before = settings === null ? [] : [send('begin', []), send(settings, [])];
    settings = null;
    const answer = send(text, values);
    if (text.endsWith(LAST_MARK)) {
      committed = send('commit', []);
      committed.catch(() => undefined); // Whoever ends the transaction hears of it.
    }
    return before.length === 0 ? answer : Promise.all([...before, answer]).then((answers) => answers.at(-1) ?? NOTHING);
  };
  return (text, values) => {
    if (text.startsWith(BEGIN)) {
      settings = text.slice(BEGIN.length);
      return Promise.resolve(NOTHING);
    }
    return text === 'commit' || text === 'rollback' ? end(text) : ask(text, values);
  };
}
