/**
 * What the model says in a turn, written into the message itself: the provider outside needs no memory, and an attempt
 * that is made again after a crash is answered the same. A plan is found in the newest message that carries one; which
 * step it is, is how many answers of the model stand behind that message.
 */
import type { FakeReply } from '../../support/fake-provider-script.js';

export interface PlannedStep {
  readonly reply: FakeReply;
  /** What the first requests of this step get instead, in order. */
  readonly first?: readonly FakeReply[];
}

export interface TurnPlan {
  /** Unique in the run: in every request, effect and answer. */
  readonly id: string;
  readonly steps: readonly PlannedStep[];
}

const OPEN = '<<plan ';
const CLOSE = ' plan>>';

export function messageWith(plan: TurnPlan, text = ''): string {
  return `${text}${OPEN}${JSON.stringify(plan)}${CLOSE}`;
}

export interface FoundPlan {
  readonly plan: TurnPlan;
  /** From 0. */
  readonly step: number;
}

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
}

export function findPlan(messages: readonly ChatMessage[]): FoundPlan | null {
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const message = messages[at];
    const plan = message?.role === 'user' ? planIn(textOf(message.content)) : null;
    if (plan === null) continue;
    return { plan, step: messages.slice(at).filter(({ role }) => role === 'assistant').length };
  }
  return null;
}

function planIn(text: string): TurnPlan | null {
  const from = text.lastIndexOf(OPEN);
  const to = text.lastIndexOf(CLOSE);
  if (from === -1 || to < from) return null;
  return JSON.parse(text.slice(from + OPEN.length, to)) as TurnPlan;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as readonly { readonly text?: string }[]).map((part) => part.text ?? '').join('');
}
