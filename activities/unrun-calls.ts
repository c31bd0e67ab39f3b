/**
 * Calls of an answer that ends the turn because it was cut in the middle of one. They were shown as they were written; they are
 * shown as not run, and never run. (At a limit the assembler drops calls before anything of them is shown.)
 */
import type { OutputItem, ToolItem } from '../domain/item.js';
import type { TurnEnding } from '../domain/ports/turn-store.js';
import type { AssembledAnswer } from './answer-assembler.js';
import { endedEvents, endedItem } from './tool-items.js';
import type { StepRun } from './step-run.js';

/** @returns the answer's items, those of its tool calls ended. */
export function endUnrunCalls(
  step: StepRun,
  assembled: AssembledAnswer,
  ending: TurnEnding,
  firstIndex: number,
): readonly OutputItem[] {
  const unrun = new Set(assembled.calls.filter((call) => call.kind === 'tool').map((call) => call.itemId));
  if (unrun.size === 0) return assembled.items;
  const message = `Not run: the turn ended (${ending.incompleteReason ?? ending.status}).`;
  const end = { status: 'failed', text: message, files: [], error: { code: 'tool.unavailable', message } } as const;
  return assembled.items.map((item, position) => {
    if (!unrun.has(item.id)) return item;
    const ended = endedItem(item as ToolItem, { ...end, notRun: true });
    for (const draft of endedEvents(ended, firstIndex + position)) step.writer.emit(draft);
    return ended;
  });
}
