/** Invariant 2: what happened outside, against what the product says about its calls. Pure. */
import type { EffectLine } from '../world/outside-log.js';
import type { ToolRow } from './database-rows.js';
import type { Violation } from './violation.js';

const UNKEYED = /^pay/;
const KEYED = /^book/;
const ASKING = /_asking$/;
const UNDO = /^un/;

export function checkEffects(effects: readonly EffectLine[], tools: readonly ToolRow[]): readonly Violation[] {
  const found: Violation[] = [];
  // A call that another turn took over, with its decision, is that turn's.
  const calls = new Map(tools.filter((call) => call.followed_by === null).map((call) => [whatOf(call), call]));
  const places = new Map<string, EffectLine[]>();
  for (const effect of effects) places.set(effect.what, [...(places.get(effect.what) ?? []), effect]);
  for (const what of places.keys()) {
    if (!calls.has(what)) found.push({ inv: 2, where: what, what: 'an effect of a call that nothing tells of' });
  }
  for (const [what, call] of calls) {
    const its = places.get(what) ?? [];
    const done = its.filter(({ tool }) => !UNDO.test(tool));
    const undone = its.filter(({ tool }) => UNDO.test(tool));
    for (const problem of [
      ...callProblems(call, done),
      ...approvalProblems(call, done),
      ...undoProblems(call, undone),
    ]) {
      found.push({ inv: 2, where: `${call.turn_id} ${call.name} ${what}`, what: problem });
    }
  }
  return found;
}

function whatOf({ arguments: text, edited }: ToolRow): string {
  const parsed = JSON.parse(edited ?? text) as { readonly what?: unknown };
  return typeof parsed.what === 'string' ? parsed.what : text;
}

const keysOf = (effects: readonly EffectLine[]): number => new Set(effects.map(({ key }) => key)).size;
const timesOf = (effects: readonly EffectLine[]): number => effects.filter(({ again }) => !again).length;

function callProblems(call: ToolRow, effects: readonly EffectLine[]): readonly string[] {
  const problems: string[] = [];
  const [keys, done] = [keysOf(effects), timesOf(effects)];
  if (KEYED.test(call.name) && keys > 1) problems.push(`${keys} keys for one call`);
  if ((KEYED.test(call.name) || UNKEYED.test(call.name)) && done > 1) problems.push(`happened ${done} times`);
  if (UNKEYED.test(call.name) && effects.length > 1) problems.push(`was sent ${effects.length} times`);
  if (call.status === 'completed' && done === 0) problems.push('is said to be completed and never happened');
  if (call.status === 'pending' || call.status === 'running') problems.push(`is still ${call.status}`);
  return problems;
}

function approvalProblems({ name, approval, status }: ToolRow, effects: readonly EffectLine[]): readonly string[] {
  if (!ASKING.test(name)) return [];
  if (effects.length > 0 && approval !== 'approved')
    return [`happened, and its approval is ${approval ?? 'not there'}`];
  return approval === 'approved' && effects.length === 0 && status === 'failed' ? ['was approved and did not run'] : [];
}

function undoProblems({ undo }: ToolRow, effects: readonly EffectLine[]): readonly string[] {
  const [keys, done] = [keysOf(effects), timesOf(effects)];
  const problems: string[] = [];
  if (keys > 1) problems.push(`${keys} keys for one undo`);
  if (done > 1) problems.push(`was taken back ${done} times`);
  if (done > 0 && undo === null) problems.push('was taken back, and nobody asked');
  if (undo === 'undone' && done === 0) problems.push('is said to be taken back and is not');
  if (undo === 'running') problems.push('its undo still runs');
  return problems;
}
