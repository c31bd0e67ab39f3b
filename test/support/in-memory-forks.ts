/** What a forked turn takes over, in memory. */
import { withResult } from '../../domain/changed-result.js';
import type { ToolItem } from '../../domain/item.js';
import type { NewTurn } from '../../domain/ports/turn-store.js';
import type { MemoryTables, StepRow, TurnRow } from './in-memory-stores-tables.js';

export function copiedSteps(tables: MemoryTables, { id, fork }: NewTurn): Pick<TurnRow, 'items' | 'steps' | 'calls'> {
  const source = fork === undefined ? undefined : tables.turns.get(fork.turnId);
  if (fork === undefined || source === undefined)
    return { items: [], calls: [], steps: new Map<number, StepRow>([[1, { attempt: 1, result: null }]]) };
  const { through, toolResult } = fork;
  return {
    items: source.items
      .filter(({ step }) => step <= through && (step > 0 || fork.input))
      .map((stored) => ({
        ...stored,
        turnId: id,
        item:
          stored.item.id === toolResult?.itemId ? withResult(stored.item as ToolItem, toolResult.text) : stored.item,
      })),
    calls: source.calls
      .filter(({ step }) => step <= through)
      .map((call) => ({
        ...call,
        turnId: id,
        ...(call.itemId === toolResult?.itemId ? changed(toolResult.text) : {}),
      })),
    // The scripted engine claims nothing: its first step is claimed for it.
    steps: new Map([
      ...[...source.steps].filter(([step]) => step <= through),
      [through + 1, { attempt: 1, result: null }],
    ]),
  };
}

const changed = (result: string): Pick<TurnRow['calls'][number], 'status' | 'result' | 'fullResult' | 'error'> => ({
  status: 'completed',
  result,
  fullResult: null,
  error: null,
});
