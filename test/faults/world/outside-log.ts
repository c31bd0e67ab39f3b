/** What the world outside saw: every request to the provider, how it ended, and every effect. */
import { readFileSync } from 'node:fs';
import type { FakeCounts, FakeReply } from '../../support/fake-provider-script.js';

export interface ProviderStart {
  readonly kind: 'provider-start';
  readonly n: number;
  /** Of the plan; `summary` for a compaction. */
  readonly id: string;
  readonly step: number;
  readonly attempt: number;
  readonly reply: FakeReply['kind'];
  /** What the answer says it used; null when it says nothing. */
  readonly usage: FakeCounts | null;
  readonly atMs: number;
}

export interface ProviderEnd {
  readonly kind: 'provider-end';
  readonly n: number;
  /** `client`: the product closed the socket, or died. */
  readonly by: 'client' | 'server';
  readonly atMs: number;
}

export interface EffectLine {
  readonly kind: 'effect';
  readonly tool: string;
  readonly what: string;
  readonly key: string | null;
  /** A key that was seen before: nothing was done. */
  readonly again: boolean;
  readonly atMs: number;
}

export interface ProviderCall extends ProviderStart {
  /** Null: still open. */
  readonly end: ProviderEnd | null;
}

export interface OutsideLog {
  readonly calls: readonly ProviderCall[];
  readonly effects: readonly EffectLine[];
}

export function readOutsideLog(file: string): OutsideLog {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ProviderStart | ProviderEnd | EffectLine);
  const ends = new Map(lines.flatMap((line) => (line.kind === 'provider-end' ? [[line.n, line] as const] : [])));
  return {
    calls: lines.flatMap((line) =>
      line.kind === 'provider-start' ? [{ ...line, end: ends.get(line.n) ?? null }] : [],
    ),
    effects: lines.filter((line) => line.kind === 'effect'),
  };
}
