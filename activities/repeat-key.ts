/** What makes two calls the same one again, for the limit that stops a model in a circle. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/json.js';
import type { ToolClaim } from '../domain/ports/turn-store.js';
import { parseArguments } from './tool-items.js';
import type { ToolEnd } from './tool-items.js';

/** Calls with bad arguments count together whatever the arguments were: a model that cannot call a tool is stopped too. */
export function repeatKeyOf(claim: ToolClaim, end: ToolEnd): string {
  const { name, arguments: text } = claim.call;
  const wrongCall = end.error?.code === 'tool.invalid-arguments' || end.error?.code === 'tool.unknown';
  const basis = wrongCall ? { name, wrong: true } : { name, arguments: parseArguments(text) ?? text, result: end.text };
  return createHash('sha256').update(canonicalJson(basis)).digest('hex').slice(0, 16);
}
