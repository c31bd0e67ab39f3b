/**
 * Taint: where the parts a model sees come from, and which of them are untrusted. The marks are stored with the items, so
 * that what came from outside stays known for what it is in later turns, in summaries and in forks. Pure and zod-free.
 *
 * `trusted`: the operator's and the user's own text. `web`, `file`, `mcp`, `tool`: what such a source returned. `derived`:
 * written from a context that held untrusted parts (answers, summaries), and history that a client sent along.
 */
import type { Item, ToolItem } from './item.js';
import type { StoredItem, TurnSettings } from './turn.js';

export const UNTRUSTED_ORIGINS = ['web', 'file', 'mcp', 'tool', 'derived'] as const;
export type UntrustedOrigin = (typeof UNTRUSTED_ORIGINS)[number];
export type Origin = 'trusted' | UntrustedOrigin;

/** Pinned when a turn is accepted; the two rules of the gate travel in `TurnSettings.policy`. */
export interface TaintSettings {
  /** Parts of these origins make a turn tainted. */
  readonly untrusted: readonly UntrustedOrigin[];
  /** Calls that go to these hosts only are no way out: `example.org`, `*.example.org`, `example.org:8443`. */
  readonly trustedHosts: readonly string[];
}

export const DEFAULT_TAINT: TaintSettings = { untrusted: UNTRUSTED_ORIGINS, trustedHosts: [] };

export function taintSettings(settings: TurnSettings): TaintSettings {
  return settings.taint ?? DEFAULT_TAINT;
}

/** What a stored item brings into a context, one origin per kind of part. A mark that is missing is read strictly. */
export function itemOrigins({ item, direction }: StoredItem): readonly Origin[] {
  if (item.type === 'message' && item.role !== 'assistant') {
    return [item.turnstone_origin ?? 'trusted', ...item.content.flatMap(partOrigin)];
  }
  // Models are not shown it again.
  if (item.type === 'reasoning' || item.type === 'mcp_approval_request' || item.type === 'mcp_approval_response')
    return [];
  if (item.type === 'function_call_output') return ['tool'];
  const unmarked = UNMARKED[item.type];
  // What a client sends as history is no work of ours, whatever it says of itself.
  if (direction === 'input') return [unmarked.sent];
  return [item.turnstone_origin ?? unmarked.made];
}

/** How an item without a mark counts: sent by a client, and made here. */
const UNMARKED = {
  message: { sent: 'derived', made: 'trusted' },
  function_call: { sent: 'derived', made: 'trusted' },
  compaction: { sent: 'derived', made: 'derived' },
  code_interpreter_call: { sent: 'tool', made: 'tool' },
  web_search_call: { sent: 'tool', made: 'tool' },
  'turnstone:tool_call': { sent: 'tool', made: 'tool' },
} as const;

function partOrigin(part: { readonly type: string }): Origin[] {
  return part.type === 'input_text' ? [] : ['file'];
}

export function isUntrusted(settings: TaintSettings, origin: Origin): boolean {
  return origin !== 'trusted' && settings.untrusted.includes(origin);
}

/** The first untrusted origin among those of an item; null when all of it is trusted. */
export function untrustedOrigin(settings: TaintSettings, stored: StoredItem): UntrustedOrigin | null {
  const found = itemOrigins(stored).find((origin) => isUntrusted(settings, origin));
  return found === undefined || found === 'trusted' ? null : found;
}

/** Whether a model that sees these items sees anything untrusted. */
export function isTainted(settings: TaintSettings, items: readonly StoredItem[]): boolean {
  return items.some((stored) => untrustedOrigin(settings, stored) !== null);
}

/** The mark of what a model or a tool made: what a tool reads outside keeps its origin; the rest is as good as its context. */
export function madeOrigin(declared: Origin, tainted: boolean): Origin {
  if (declared !== 'trusted' && declared !== 'derived') return declared;
  return tainted ? 'derived' : 'trusted';
}

/** The item of a call that was not run: what it says is ours, but its arguments are as good as the context they came from. */
export function withoutOutsideOrigin<I extends ToolItem>(item: I): I {
  return { ...item, turnstone_origin: item.turnstone_origin === 'derived' ? 'derived' : 'trusted' };
}

/** Items of a bundle that somebody wrote into a file: none of it counts as said by this server's users, models or tools. */
export function asImported(item: Item): Item {
  if (item.type === 'reasoning' || item.type === 'function_call_output') return item;
  if (item.type === 'mcp_approval_request' || item.type === 'mcp_approval_response') return item;
  return { ...item, turnstone_origin: item.type === 'message' && item.role !== 'assistant' ? 'file' : 'derived' };
}
