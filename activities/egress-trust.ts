/**
 * Whether a call goes only where the user or the operator said it may: to the agent's trusted hosts, or to an address that
 * stands, whole, in the user's own words. Words of files, pages, answers and imported history are nobody's permission.
 */
import type { StoredItem } from '../domain/turn.js';
import type { TaintSettings } from '../domain/taint.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import { parseArguments } from './tool-items.js';

/** Where an address in a sentence ends: at a space, a quote or a bracket; then punctuation that ends sentences is taken off. */
const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^[\]]+/gi;
const SENTENCE_END = '.,;:!?)]*_~';
/** Nobody types more addresses than this; a pasted list beyond it asks. */
const MAX_ADDRESSES = 1_000;

/** From the end: an expression would begin again at each character of a long row of them. */
function withoutSentenceEnd(address: string): string {
  let end = address.length;
  while (end > 0 && SENTENCE_END.includes(address.charAt(end - 1))) end -= 1;
  return address.slice(0, end);
}

/** The addresses of the user's own words, as `URL.href` without a fragment. */
export function userAddresses(path: readonly StoredItem[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { item, direction } of path) {
    if (direction !== 'input' || item.type !== 'message' || item.role !== 'user') continue;
    if ((item.turnstone_origin ?? 'trusted') !== 'trusted') continue;
    for (const part of item.content) {
      if (part.type === 'input_text') addAddresses(found, part.text);
    }
    if (found.size > MAX_ADDRESSES) break;
  }
  return found;
}

function addAddresses(found: Set<string>, text: string): void {
  for (const [written] of text.matchAll(ADDRESS)) {
    // Both readings: a bracket or a full stop may be part of the address after all.
    for (const candidate of [written, withoutSentenceEnd(written)]) {
      const href = normalAddress(candidate);
      if (href !== null) found.add(href);
    }
  }
}

/** One spelling per address; null for what is none. A fragment is never sent. */
export function normalAddress(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  url.hash = '';
  return url.href;
}

/** @param pattern `host`, `*.host` (its subdomains, not itself), each with `:port` where it is not the scheme's own. */
export function matchesHost(pattern: string, url: URL): boolean {
  const { hostname, port } = url;
  const [wantedHost = '', wantedPort = ''] = splitPort(pattern.toLowerCase());
  if (wantedPort !== port) return false;
  const host = hostname.replace(/\.$/, '');
  return wantedHost.startsWith('*.') ? host.endsWith(wantedHost.slice(1)) : host === wantedHost;
}

function splitPort(pattern: string): readonly string[] {
  const match = /^(.*?)(?::(\d+))?$/.exec(pattern);
  return [match?.[1] ?? '', match?.[2] ?? ''];
}

/** Says of each call whether all addresses it would reach are trusted. A tool that does not say where it goes is not. */
export function createEgressTrust(
  path: readonly StoredItem[],
  settings: TaintSettings,
): (tool: Tool, argumentsText: string) => boolean {
  let own: ReadonlySet<string> | null = null;
  const trusted = (address: string): boolean => {
    const href = normalAddress(address);
    if (href === null) return false;
    const url = new URL(href);
    if (settings.trustedHosts.some((pattern) => matchesHost(pattern, url))) return true;
    own ??= userAddresses(path);
    return own.has(href);
  };
  return (tool, argumentsText) => {
    const parsed = parseArguments(argumentsText);
    const addresses = parsed === undefined ? [] : (tool.destinations?.(parsed) ?? []);
    return addresses.length > 0 && addresses.every(trusted);
  };
}
