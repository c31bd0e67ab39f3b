/** Decides whether a step's context must be compacted first, and does it: one model call, shown and stored as an item. */
import { failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import type { CompactionItem } from '../domain/item.js';
import type { ModelRequest } from '../domain/ports/model.js';
import { madeOrigin } from '../domain/taint.js';
import type { StepContext } from '../domain/ports/turn-store.js';
import { stoppedByUs } from './activity-deps.js';
import { needsCompaction, summaryRequest } from './compaction.js';
import { callOneModel } from './model-call.js';
import { keptItems } from './model-context.js';
import { reserveCall } from './reserve-call.js';
import type { StepRun } from './step-run.js';
import { writeSummary } from './summary-content.js';
import { modelsOf } from './turn-models.js';

export interface CompactedContext {
  readonly request: ModelRequest;
  /** The compaction item, when there is one: the step's first item. */
  readonly items: readonly CompactionItem[];
}

export async function compactIfNeeded(
  step: StepRun,
  build: (context: StepContext) => Promise<ModelRequest>,
): Promise<CompactedContext> {
  const request = await build(step.context);
  const [model] = await modelsOf(step);
  if (model === undefined || !needsCompaction(request, model.contextWindow)) {
    return { request, items: [] };
  }
  const item = { type: 'compaction' as const, id: newId('compaction'), encrypted_content: '' };
  const marker = { turnId: step.input.turnId, step: step.input.step, index: 0, direction: 'output' as const, item };
  const kept = new Set(keptItems([...step.context.path, marker]));
  const old = step.context.path.filter((stored) => !kept.has(stored));
  // Nothing older than the question itself: the provider decides whether it fits.
  if (old.length === 0) return { request, items: [] };

  const oldRequest = await build({ ...step.context, path: old });
  const reserved = await reserveCall(step, model, summaryRequest(oldRequest.messages, model.contextWindow));
  // The answer itself is longer than its summary: its own reservation is refused too, and ends the turn.
  if (reserved.kind === 'refused') return { request, items: [] };
  let summary = '';
  const outcome = await callOneModel(model, reserved.request, step.signal, (chunk) => {
    if (chunk.type === 'text-delta') summary += chunk.text;
  });
  step.modelCalls.push(outcome.entry);
  // Stopped by us: the answer's own call notices the same signal and closes the turn with what there is.
  if (outcome.failure !== null && stoppedByUs(step.signal, outcome.failure) !== null) return { request, items: [] };
  if (outcome.failure !== null) throw outcome.failure;
  if (summary.trim() === '') {
    throw failure('model.invalid-reply', `${model.name} wrote an empty summary while compacting the conversation.`);
  }
  const done: CompactionItem = {
    ...item,
    encrypted_content: writeSummary(step.deps.answers?.secrets.blank(summary).text ?? summary),
    // A summary of untrusted content stays untrusted: it may repeat word for word what it was told to.
    turnstone_origin: madeOrigin('derived', step.tainted),
  };
  step.writer.emit({ type: 'response.output_item.added', output_index: step.output.length, item: done });
  step.writer.emit({ type: 'response.output_item.done', output_index: step.output.length, item: done });
  step.run.log.info({ replacedItems: old.length, summaryChars: summary.length }, 'conversation compacted');
  const path = [...step.context.path, { ...marker, item: done }];
  return { request: await build({ ...step.context, path }), items: [done] };
}
