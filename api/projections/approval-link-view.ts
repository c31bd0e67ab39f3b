/** What an approval link shows to whoever opens it: the call and why it asks, no ids of responses or people. Pure. */
import type { ApprovalLink } from '../../domain/approval-link.js';
import { GATE_EXPLANATIONS } from '../../domain/policy.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { ToolEffect } from '../../domain/tool.js';

/** More than people read before they press a button; longer arguments are cut, and then nothing can be approved. */
export const MAX_SHOWN_CHARS = 10_000;
/** Text that nests deeper is shown as it is: its indentation would be longer than itself. */
const MAX_INDENTED_DEPTH = 32;

export interface ApprovalLinkView {
  readonly object: 'approval_link';
  readonly id: string;
  readonly status: ApprovalRecord['status'];
  readonly agent: string;
  readonly tool: string;
  readonly effect: ToolEffect;
  readonly because: { readonly code: string; readonly message: string };
  /** For reading; the call is bound to `arguments_hash`. */
  readonly arguments: string;
  readonly arguments_cut: boolean;
  readonly arguments_hash: string;
  readonly expires_at: number;
}

export function toApprovalLinkView(link: ApprovalLink, approval: ApprovalRecord, agent: string): ApprovalLinkView {
  const shown = shownArguments(approval.arguments);
  return {
    object: 'approval_link',
    id: link.id,
    status: approval.status,
    agent,
    tool: approval.name,
    effect: approval.effect,
    because: { code: approval.because, message: GATE_EXPLANATIONS[approval.because] },
    arguments: shown.text,
    arguments_cut: shown.cut,
    arguments_hash: approval.argumentsHash,
    expires_at: Math.floor(link.expiresAtMs / 1000),
  };
}

export interface ShownArguments {
  readonly text: string;
  readonly cut: boolean;
}

/** Arguments as the tool will get them, indented; what is no JSON as the model wrote it. */
export function shownArguments(text: string): ShownArguments {
  if (text.length > MAX_SHOWN_CHARS) return { text: cutAt(text), cut: true };
  const readable = indented(text);
  return readable.length > MAX_SHOWN_CHARS ? { text: cutAt(readable), cut: true } : { text: readable, cut: false };
}

/** Half of a surrogate pair at the cut is no part of what was written. */
const cutAt = (text: string): string => text.slice(0, MAX_SHOWN_CHARS).replace(/[\uD800-\uDBFF]$/, '');

/** What runs is what `JSON.parse` makes of the text: of a name that stands twice, the last. */
function indented(text: string): string {
  try {
    const value = JSON.parse(text === '' ? '{}' : text) as unknown;
    return depthOf(value) > MAX_INDENTED_DEPTH ? JSON.stringify(value) : JSON.stringify(value, null, 2);
  } catch {
    return text; // Not JSON: the tool will refuse it, and people see what it is.
  }
}

function depthOf(root: unknown): number {
  let depth = 0;
  const inside = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null ? Object.values(value) : [];
  for (let level = [root]; level.length > 0 && depth <= MAX_INDENTED_DEPTH; depth += 1) level = level.flatMap(inside);
  return depth;
}
