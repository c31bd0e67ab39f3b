/** Invariant 2: what happened outside, against what the product says about its calls. Pure. */
import type { EffectLine } from '../world/outside-log.js';
import type { ToolRow } from './database-rows.js';
import type { Violation } from './violation.js';

const UNKEYED = /^pay/;
const KEYED = /^book/;

export function checkEffects(effects: readonly EffectLine[], tools: readonly ToolRow[]): readonly Violation[] {
  const found: Violation[] = [];
  const calls = new Map(tools.map((call) => [whatOf(call), call]));
  const places = new Map<string, EffectLine[]>();
  for (const effect of effects) places.set(effect.what, [...(places.get(effect.what) ?? []), effect]);
  for (const what of places.keys()) {
    if (!calls.has(what)) found.push({ inv: 2, where: what, what: 'an effect of a call that nothing tells of' });
  }
  for (const [what, call] of calls) {
    for (const problem of callProblems(call, places.get(what) ?? [])) {
      found.push({ inv: 2, where: `${call.turn_id} ${call.name} ${what}`, what: problem });
    }
  }
  return found;
}

function whatOf({ arguments: text }: ToolRow): string {
  const parsed = JSON.parse(text) as { readonly what?: unknown };
  return typeof parsed.what === 'string' ? parsed.what : text;
}

function callProblems(call: ToolRow, effects: readonly EffectLine[]): readonly string[] {
  const problems: string[] = [];
  const keys = new Set(effects.map(({ key }) => key));
  const done = effects.filter(({ again }) => !again).length;
  if (KEYED.test(call.name) && keys.size > 1) problems.push(`${keys.size} keys for one call`);
  if ((KEYED.test(call.name) || UNKEYED.test(call.name)) && done > 1) problems.push(`happened ${done} times`);
  if (UNKEYED.test(call.name) && effects.length > 1) problems.push(`was sent ${effects.length} times`);
  if (call.status === 'completed' && done === 0) problems.push('is said to be completed and never happened');
  if (call.status === 'pending' || call.status === 'running') problems.push(`is still ${call.status}`);
  return problems;
}
