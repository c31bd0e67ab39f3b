/** The stored path of a turn -> the messages a model gets: instructions, what compaction kept, the wrap-up note. Pure. */
import { LIMIT_EXPLANATIONS } from '../domain/limits.js';
import type { LimitReason } from '../domain/limits.js';
import type { ModelMessage } from '../domain/ports/model.js';
import type { StepContext } from '../domain/ports/turn-store.js';
import type { StoredItem } from '../domain/turn.js';
import { isTainted, taintSettings } from '../domain/taint.js';
import { buildMessages } from './message-builder.js';
import type { PartResolver } from './message-builder.js';
import { createSpotlight, SPOTLIGHT_NOTE } from './spotlight.js';

export function toModelMessages(
  context: StepContext,
  resolve: PartResolver,
  wrapUp: LimitReason | null,
): ModelMessage[] {
  const { settings } = context.turn;
  const note = contextIsTainted(context) ? SPOTLIGHT_NOTE : '';
  const system = [settings.agentInstructions, settings.instructions ?? '', note].filter((text) => text.trim() !== '');
  const spotlight = createSpotlight(taintSettings(settings));
  const messages = buildMessages(keptItems(context.path), context.toolCalls, resolve, spotlight);
  if (system.length > 0) messages.unshift({ role: 'system', text: system.join('\n\n') });
  if (wrapUp !== null) messages.push({ role: 'system', text: wrapUpNote(wrapUp) });
  return messages;
}

/** Whether the model that gets this context sees untrusted parts, by the policy the turn was accepted with. */
export function contextIsTainted({ turn, path }: StepContext): boolean {
  return isTainted(taintSettings(turn.settings), keptItems(path));
}

function wrapUpNote(reason: LimitReason): string {
  return (
    `No more tools can be used: ${LIMIT_EXPLANATIONS[reason]}. Write the final answer now from what you have, ` +
    'and say plainly what is missing or unverified.'
  );
}

/**
 * A compaction item written at step s of turn T stands for all turns before T and for T's steps up to s - 2; T's input, what
 * was sent while it ran included, and its last step stay word for word: the model is in the middle of working with them.
 */
export function keptItems(path: readonly StoredItem[]): readonly StoredItem[] {
  const at = path.findLastIndex((stored) => stored.item.type === 'compaction');
  const compaction = path[at];
  if (compaction === undefined) return path;
  const kept = path.filter((stored, position) => {
    if (stored.item.type === 'compaction') return false;
    if (position > at) return true;
    return stored.turnId === compaction.turnId && (stored.direction === 'input' || stored.step >= compaction.step - 1);
  });
  return [compaction, ...kept];
}
