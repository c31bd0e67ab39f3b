/** Proves that a transaction is sent in few exchanges and that no statement can run outside of it or of its settings. */
import { describe, expect, it } from 'vitest';
import { createBatchedTransaction } from '../../adapters/postgres/batched-transaction.js';

type Sent = readonly [text: string, values: readonly unknown[]];

interface Bench {
  readonly query: ReturnType<typeof createBatchedTransaction>;
  readonly sent: Sent[];
  /** The next statement with this text fails. */
  fail(text: string, error: Error): void;
}

function aBench(): Bench {
  const sent: Sent[] = [];
  const failures = new Map<string, Error>();
  const query = createBatchedTransaction(async (text, values) => {
    sent.push([text, values]);
    await Promise.resolve();
    const error = failures.get(text);
    if (error !== undefined) throw error;
    return { rows: [{ text }], command: '', rowCount: 1 };
  });
  return { query, sent, fail: (text, error) => void failures.set(text, error) };
}

const texts = ({ sent }: Bench): string[] => sent.map(([text]) => text);
const BEGIN = 'begin; set local role app';
const WRITE = 'insert 1 /* last */';

describe('a batched transaction', () => {
  it('begin: waits for the first statement, and goes before it in the same moment', async () => {
    const bench = aBench();
    await bench.query(BEGIN, []);
    expect(bench.sent).toEqual([]);
    const answer = bench.query('select $1', [1]);
    expect(texts(bench)).toEqual(['begin', ' set local role app', 'select $1']);
    expect((await answer).rows).toEqual([{ text: 'select $1' }]);
    await bench.query('commit', []);
    expect(texts(bench).at(-1)).toBe('commit');
  });

  it('the last statement: the commit goes right behind it, once', async () => {
    const bench = aBench();
    await bench.query(BEGIN, []);
    const answer = bench.query(WRITE, []);
    expect(texts(bench)).toEqual(['begin', ' set local role app', WRITE, 'commit']);
    await answer;
    await bench.query('commit', []);
    expect(bench.sent).toHaveLength(4);
  });

  it('a commit that fails: whoever commits hears of it', async () => {
    const bench = aBench();
    bench.fail('commit', new Error('no space'));
    await bench.query(BEGIN, []);
    await bench.query(WRITE, []);
    await expect(bench.query('commit', [])).rejects.toThrow('no space');
  });

  it('settings that fail: the statement behind them is answered with that failure', async () => {
    const bench = aBench();
    bench.fail(' set local role app', new Error('no such role'));
    await bench.query(BEGIN, []);
    await expect(bench.query('select 1', [])).rejects.toThrow('no such role');
    await bench.query('rollback', []);
    expect(texts(bench).at(-1)).toBe('rollback');
  });

  it('the last statement fails: the commit behind it has rolled back, and a rollback sends nothing more', async () => {
    const bench = aBench();
    bench.fail(WRITE, new Error('refused'));
    await bench.query(BEGIN, []);
    await expect(bench.query(WRITE, [])).rejects.toThrow('refused');
    await bench.query('rollback', []);
    expect(texts(bench).at(-1)).toBe('commit');
  });

  it('a statement after the last one: is refused before it is sent', async () => {
    const bench = aBench();
    await bench.query(BEGIN, []);
    await bench.query(WRITE, []);
    expect(() => bench.query('select 1', [])).toThrow('after the last one');
    expect(texts(bench).at(-1)).toBe('commit');
  });

  it('nothing was asked: nothing is sent', async () => {
    const bench = aBench();
    await bench.query(BEGIN, []);
    await bench.query('rollback', []);
    expect(bench.sent).toEqual([]);
  });
});
