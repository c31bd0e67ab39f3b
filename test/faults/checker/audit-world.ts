/** The end of a run: everything the product left behind is read and checked, with nothing running any more. */
import { callUntilAnswered } from '../world/client.js';
import { CODEC_TOKEN, FAULT_KEY, MASTER_KEY, PROVIDER_SECRET, SENT_SECRET } from '../world/world.js';
import type { World } from '../world/world.js';
import { checkEffects } from './check-effects.js';
import { checkHistories } from './check-histories.js';
import { checkSecrets } from './check-secrets.js';
import { checkUsage } from './check-usage.js';
import { readRows } from './database-rows.js';
import type { Violation } from './violation.js';

export interface AuditOptions {
  /** Turns that may have been calling the provider at one moment. */
  readonly inFlight: number;
  /** How often a link was broken: an answer that never arrived, or could not be booked, is on no row. */
  readonly brokenLinks?: number;
  readonly databaseUrl?: string;
  readonly temporalAddress?: string;
}

export interface Audit {
  readonly violations: readonly Violation[];
  readonly figures: {
    readonly turns: number;
    readonly toolCalls: number;
    readonly outcomeUnknown: number;
    readonly modelCalls: number;
    readonly effects: number;
    readonly unbooked: number;
    readonly replayed: number;
    readonly deaths: number;
  };
}

const SECRETS = [PROVIDER_SECRET, SENT_SECRET, FAULT_KEY, MASTER_KEY, CODEC_TOKEN];

/** Stops the product. The world is to be disposed of afterwards. */
export async function auditWorld(world: World, options: AuditOptions): Promise<Audit> {
  const histories = await checkHistories(world, SECRETS, options.temporalAddress ?? null);
  // The replays above were written down one by one: the chain is long enough to be worth a look.
  const chain = await callUntilAnswered(world.apiUrl, 'GET', '/v1/audit/check');
  await world.stop();
  const rows = await readRows(
    options.databaseUrl === undefined ? { dataDir: world.dataDir } : { url: options.databaseUrl },
  );
  const { calls, effects } = world.outside.log();
  const usage = checkUsage({
    calls,
    rows: rows.modelCalls,
    turns: rows.turns,
    mayBeMissing: (world.deaths() + (options.brokenLinks ?? 0)) * options.inFlight,
  });
  const open = rows.turns.filter(({ status }) => status === 'queued' || status === 'in_progress');
  const violations: Violation[] = [
    ...open.map(({ id, status }): Violation => ({ inv: 10, where: id, what: `left ${status}` })),
    ...rows.doubled.map((place): Violation => ({ inv: 3, where: place, what: 'written twice, or by a lost attempt' })),
    ...rows.foreign.map((what): Violation => ({ inv: 6, where: 'tables', what })),
    ...checkEffects(effects, rows.tools),
    ...usage.violations,
    ...histories.violations,
    ...chainProblems(chain),
    ...checkSecrets(world.dataDir, world.log(), SECRETS),
  ];
  return {
    violations,
    figures: {
      turns: rows.turns.length,
      toolCalls: rows.tools.length,
      outcomeUnknown: rows.tools.filter(({ status }) => status === 'outcome_unknown').length,
      modelCalls: rows.modelCalls.length,
      effects: effects.length,
      unbooked: usage.unbooked,
      replayed: histories.replayed,
      deaths: world.deaths(),
    },
  };
}

function chainProblems({ status, json }: { readonly status: number; readonly json: unknown }): readonly Violation[] {
  const whole = status === 200 && (json as { readonly broken_at?: unknown } | null)?.broken_at === null;
  return whole ? [] : [{ inv: 7, where: 'audit', what: `${status}: ${JSON.stringify(json).slice(0, 300)}` }];
}
