/**
 * The answer of one step from the first model of the chain that gives one. A model that fails in a way another may not
 * (the failure table's `fallback`) is followed by the next; what it had shown is reset first.
 */
import { failure, ruleOf } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import type { FinishReason, LanguageModel, ModelRequest } from '../domain/ports/model.js';
import { madeOrigin } from '../domain/taint.js';
import { stoppedByUs } from './activity-deps.js';
import { createAnswerFilter } from './answer-filter.js';
import { createAnswerAssembler } from './answer-assembler.js';
import type { AnswerAssembler, AssembledAnswer } from './answer-assembler.js';
import { callOneModel } from './model-call.js';
import { reserveCall } from './reserve-call.js';
import type { StepRun } from './step-run.js';
import { toToolItem } from './tool-items.js';
import { modelsOf } from './turn-models.js';

export interface StepAnswer {
  readonly model: LanguageModel;
  readonly assembled: AssembledAnswer;
  readonly finish: FinishReason | null;
  /** We ended it: the user's cancel, or the turn's time. What was written until then is kept. `budget`: it was not made. */
  readonly stopped: 'cancel' | 'deadline' | 'budget' | null;
  /** A budget had too little left for the longest answer: one that ends at its length ended for that reason. */
  readonly cutByBudget: boolean;
}

/** @throws the last model's failure when none answered. */
export async function answerWithFallback(
  step: StepRun,
  request: ModelRequest,
  firstIndex: number,
): Promise<StepAnswer> {
  const chain = await modelsOf(step);
  let lastFailure: Failure | null = null;
  for (const [position, model] of chain.entries()) {
    const assembler = createStepAssembler(step, firstIndex);
    const reserved = await reserveCall(step, model, request);
    if (reserved.kind === 'refused') {
      if (reserved.why === 'exhausted') return notMade(model, assembler);
      lastFailure = unpriced(model);
      continue;
    }
    const filter = createAnswerFilter(step);
    let silent = true;
    const outcome = await callOneModel(model, reserved.request, step.signal, (chunk) => {
      if (silent) noteFirstToken(step);
      silent = false;
      for (const each of filter.push(chunk)) assembler.push(each);
    });
    for (const each of filter.end()) assembler.push(each);
    step.modelCalls.push(outcome.entry);
    noteModelCall(step, model, outcome.entry);
    if (outcome.failure === null) {
      const { finish } = outcome;
      // A model that calls tools although it was asked for its last word would go on for ever.
      const assembled = step.input.wrapUp === undefined ? assembler.finish() : assembler.finishWithoutTools();
      return { model, assembled, finish, stopped: null, cutByBudget: reserved.cut };
    }
    const stopped = stoppedByUs(step.signal, outcome.failure);
    if (stopped !== null) return { model, assembled: assembler.cut(), finish: null, stopped, cutByBudget: false };
    lastFailure = outcome.failure;
    const next = chain[position + 1];
    if (next === undefined || !ruleOf(lastFailure.code).fallback) break;
    fallBack(step, assembler, firstIndex, { from: model.name, to: next.name, failure: lastFailure });
  }
  throw (
    lastFailure ??
    failure('model.not-found', 'None of the turn’s models is configured any more; check `providers` and `fallbacks`.')
  );
}

/** Money ran out before the call: the turn ends here, with what its earlier steps have written. */
function notMade(model: LanguageModel, assembler: AnswerAssembler): StepAnswer {
  return { model, assembled: assembler.cut(), finish: null, stopped: 'budget', cutByBudget: false };
}

function unpriced(model: LanguageModel): Failure {
  return failure(
    'budget.unpriced-model',
    `A budget applies and the price of ${model.name} is not known: set its prices in the configuration, or allow_unpriced.`,
  );
}

function createStepAssembler(step: StepRun, firstIndex: number): AnswerAssembler {
  const { settings, conversationId, id } = step.context.turn;
  const clientNames = new Set(settings.clientFunctions.map((each) => each.name));
  const tools = new Map(step.deps.tools.map((tool) => [tool.name, tool]));
  return createAnswerAssembler({
    firstIndex,
    emit: (draft) => step.writer.emit(draft),
    isClientFunction: (name) => clientNames.has(name),
    origin: step.tainted ? 'derived' : 'trusted',
    maxCalls: settings.limits.maxParallelCalls,
    toToolItem: (call) => {
      const tool = tools.get(call.name);
      const item = toToolItem(tool?.itemType ?? 'turnstone:tool_call', call, conversationId ?? id);
      return { ...item, turnstone_origin: madeOrigin(tool?.origin ?? 'derived', step.tainted) };
    },
  });
}

function fallBack(
  step: StepRun,
  assembler: AnswerAssembler,
  firstIndex: number,
  change: { from: string; to: string; failure: Failure },
): void {
  step.deps.metrics.fellBack({ from: change.from, to: change.to, code: change.failure.code });
  step.run.log.warn(
    { from: change.from, to: change.to, code: change.failure.code, err: change.failure },
    'model failed; the next one of the chain is asked',
  );
  if (!assembler.hasOutput()) return;
  step.writer.emit({
    type: 'turnstone:step.reset',
    step: step.input.step,
    attempt: step.attempt,
    output_index: firstIndex,
    reason: `${change.from} failed; ${change.to} answers instead.`,
  });
}

/** Text, reasoning or a call: whatever the model says first. */
function noteFirstToken(step: StepRun): void {
  if (step.input.step !== 1) return;
  const { createdAtMs, settings } = step.context.turn;
  step.deps.metrics.firstToken({ agent: settings.agent.name, durationMs: Math.max(0, Date.now() - createdAtMs) });
}

function noteModelCall(step: StepRun, model: LanguageModel, entry: StepRun['modelCalls'][number]): void {
  const { outcome, durationMs, firstTokenMs, usage, costMicros } = entry;
  step.deps.metrics.modelCallFinished({ model: model.name, outcome, durationMs, firstTokenMs, usage, costMicros });
  step.run.log.info(
    { model: model.name, outcome, durationMs, firstTokenMs, usage, costMicros, code: entry.failureCode ?? undefined },
    'model call finished',
  );
}
