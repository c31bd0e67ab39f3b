/** One call to one model, with what it used and how it ended, whatever way it ended: every call is on the ledger. */
import { toFailure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import type { FinishReason, LanguageModel, ModelChunk, ModelRequest } from '../domain/ports/model.js';
import type { ModelCallEntry } from '../domain/ports/turn-store.js';
import { costMicros, NO_USAGE } from '../domain/pricing.js';
import type { TokenUsage } from '../domain/pricing.js';
import { estimateTokens } from '../domain/tokens.js';
import { messageTokens } from './compaction.js';

export interface ModelCallOutcome {
  readonly entry: ModelCallEntry;
  readonly finish: FinishReason | null;
  /** Null when the model finished. */
  readonly failure: Failure | null;
}

/** Streams the whole answer into `onChunk`. Never throws: a failure is part of the outcome. */
export async function callOneModel(
  model: LanguageModel,
  request: ModelRequest,
  signal: AbortSignal,
  onChunk: (chunk: ModelChunk) => void,
): Promise<ModelCallOutcome> {
  const startedMs = performance.now();
  let firstTokenMs: number | null = null;
  let usage: TokenUsage | null = null;
  let finish: FinishReason | null = null;
  let outputText = '';
  let failed: Failure | null = null;
  try {
    for await (const chunk of model.stream(request, signal)) {
      if (chunk.type === 'usage') usage = chunk.usage;
      else if (chunk.type === 'finish') finish = chunk.reason;
      else firstTokenMs ??= performance.now() - startedMs;
      outputText += textOf(chunk);
      onChunk(chunk);
    }
  } catch (error) {
    failed = toFailure(error);
  }
  const used = usage ?? estimateUsage(request, outputText);
  const entry: ModelCallEntry = {
    model: model.name,
    outcome: failed === null ? 'completed' : failed.code === 'turn.cancelled' ? 'cancelled' : 'failed',
    failureCode: failed?.code ?? null,
    usage: used,
    costMicros: costMicros(used, model.prices),
    firstTokenMs: firstTokenMs === null ? null : Math.round(firstTokenMs),
    durationMs: Math.round(performance.now() - startedMs),
  };
  return { entry, finish, failure: failed };
}

function textOf(chunk: ModelChunk): string {
  if ('text' in chunk) return chunk.text;
  return chunk.type === 'tool-call-delta' ? chunk.arguments : '';
}

/** A call that wrote nothing is not charged: a refused request costs nothing at any provider we know. */
function estimateUsage(request: ModelRequest, outputText: string): TokenUsage {
  if (outputText === '') return NO_USAGE;
  return {
    ...NO_USAGE,
    inputTokens: messageTokens(request.messages) + estimateTokens(JSON.stringify(request.tools)),
    outputTokens: estimateTokens(outputText),
    estimated: true,
  };
}
