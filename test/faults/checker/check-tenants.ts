/** Invariant 6 between tenants: what one of them owns is not there for the other, by id, in lists, or in its rows. */
import type { Caller } from '../world/callers.js';
import { callUntilAnswered } from '../world/client.js';
import type { CheckedTurn } from './check-turn.js';
import type { Violation } from './violation.js';

/** Of each tenant: the first and the last ones stand for the rest, which the rows are read for. */
const PROBED = 12;
const ROADS: readonly { readonly method: string; readonly path: (id: string) => string }[] = [
  { method: 'GET', path: (id) => `/v1/responses/${id}` },
  { method: 'GET', path: (id) => `/v1/responses/${id}?stream=true` },
  { method: 'GET', path: (id) => `/v1/responses/${id}/input_items` },
  { method: 'GET', path: (id) => `/v1/responses/${id}/effects` },
  { method: 'GET', path: (id) => `/v1/responses/${id}/usage` },
  { method: 'POST', path: (id) => `/v1/responses/${id}/cancel` },
];
const LISTS = ['/v1/conversations?limit=100', '/v1/conversations?q=hurry', '/v1/approvals?limit=100'];

export interface TenantCheck {
  readonly violations: readonly Violation[];
  readonly asked: number;
}

export async function checkTenants(
  apiUrl: () => string,
  callers: readonly Caller[],
  turns: readonly CheckedTurn[],
): Promise<TenantCheck> {
  const violations: Violation[] = [];
  let asked = 0;
  const say = (where: string, what: string): void => void violations.push({ inv: 6, where, what });
  const oneEach = [...new Map(callers.map((caller) => [caller.tag, caller])).values()];
  for (const { tag, apiKey } of oneEach) {
    const foreign = turns.filter(({ planId, turn }) => turn.id !== null && !planId.startsWith(`plan-${tag}-`));
    for (const { planId, turn } of [...foreign.slice(0, PROBED), ...foreign.slice(-PROBED)]) {
      for (const { method, path } of ROADS) {
        const { status } = await callUntilAnswered(apiUrl, method, path(turn.id ?? ''), { apiKey });
        asked += 1;
        if (status !== 404) say(planId, `${tag} was answered ${status} by ${method} ${path(turn.id ?? '')}`);
      }
    }
    for (const path of LISTS) {
      const { json } = await callUntilAnswered(apiUrl, 'GET', path, { apiKey });
      asked += 1;
      const others = oneEach.filter(
        (other) => other.tag !== tag && JSON.stringify(json).includes(`plan-${other.tag}-`),
      );
      for (const other of others) say(path, `${tag} was shown something of ${other.tag}`);
    }
  }
  return { violations, asked };
}
