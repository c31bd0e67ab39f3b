/** Money for one model call, held before the call is made. Without budgets there is nothing to ask, and nothing is asked. */
import { affordableOutput, estimateCall } from '../domain/call-estimate.js';
import type { PlannedModelCall } from '../domain/call-estimate.js';
import type { LanguageModel, ModelMessage, ModelRequest } from '../domain/ports/model.js';
import { estimateTokens } from '../domain/tokens.js';
import { messageTokens } from './compaction.js';
import type { StepRun } from './step-run.js';

/** Tokens are counted without the provider's tokenizer: too many are held rather than too few. */
const INPUT_MARGIN = 1.1;
/** What a large picture counts at the providers we know. */
const IMAGE_TOKENS = 1_500;
/** A document's text is a small part of its bytes, which are written in base64 here. */
const FILE_CHARS_PER_TOKEN = 16;

export type ReservedCall =
  /** `cut`: less than the longest answer was granted, and the request asks for no more than that. */
  | { readonly kind: 'granted'; readonly request: ModelRequest; readonly cut: boolean }
  | { readonly kind: 'refused'; readonly why: 'exhausted' | 'unpriced' };

/** @throws `turn.stale-attempt` when a newer attempt holds the step: it may not spend; `store.unavailable`. */
export async function reserveCall(step: StepRun, model: LanguageModel, request: ModelRequest): Promise<ReservedCall> {
  if (step.context.budgeted !== true) return { kind: 'granted', request, cut: false };
  const planned = plan(model, request);
  const estimate = estimateCall(planned);
  const decision = await step.deps.budgets.reserve(step.scope, {
    ...estimate,
    turnId: step.input.turnId,
    step: step.input.step,
    attempt: step.attempt,
    principalId: step.context.turn.principalId,
    spentMicros: step.modelCalls.reduce((sum, { costMicros }) => sum + (costMicros ?? 0), 0),
  });
  if (decision.kind === 'refused') {
    const { why, budget } = decision;
    step.run.log.info({ model: model.name, why, budgetId: budget.id, estimate }, 'a budget refused a model call');
    return { kind: 'refused', why };
  }
  const { grantedMicros } = decision;
  if (grantedMicros === null || grantedMicros >= estimate.maxMicros) return { kind: 'granted', request, cut: false };
  const maxOutputTokens = affordableOutput(planned, grantedMicros) ?? request.maxOutputTokens;
  return { kind: 'granted', request: { ...request, maxOutputTokens }, cut: true };
}

function plan({ prices, contextWindow }: LanguageModel, request: ModelRequest): PlannedModelCall {
  const text = messageTokens(request.messages) + estimateTokens(JSON.stringify(request.tools));
  const media = request.messages.reduce((sum, message) => sum + mediaTokens(message), 0);
  const inputTokens = Math.min(contextWindow, Math.ceil((text + media) * INPUT_MARGIN));
  return { prices, contextWindow, inputTokens, maxOutputTokens: request.maxOutputTokens };
}

function mediaTokens(message: ModelMessage): number {
  if (message.role !== 'user') return 0;
  return message.parts.reduce((sum, part) => {
    if (part.type === 'image') return sum + IMAGE_TOKENS;
    return part.type === 'file' ? sum + Math.ceil(part.dataUrl.length / FILE_CHARS_PER_TOKEN) : sum;
  }, 0);
}
