/**
 * One model step of a turn: claim it, build the context, stream the answer to the event log, commit. Run by the activity
 * `callModel` and by the head start; safe to repeat, because a committed step answers with its committed result.
 */
import { NO_RULES } from '../domain/approval-rules.js';
import { failure, toFailure } from '../domain/failures.js';
import type { ModelRequest } from '../domain/ports/model.js';
import type { CommittedStep, StepClaim, StepContext, TurnEnding } from '../domain/ports/turn-store.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { OutputItem } from '../domain/item.js';
import type { Scope } from '../domain/scope.js';
import { taintSettings } from '../domain/taint.js';
import type { CallModelInput, CallModelResult } from '../domain/turn-contract.js';
import { isTerminal } from '../domain/turn.js';
import type { TerminalStatus } from '../domain/turn.js';
import { orOvertaken } from './activity-deps.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';
import { answerWithFallback } from './answer-with-fallback.js';
import type { StepAnswer } from './answer-with-fallback.js';
import { compactIfNeeded } from './compact-context.js';
import type { CompactedContext } from './compact-context.js';
import { planCalls } from './call-planner.js';
import { createEgressTrust } from './egress-trust.js';
import { createEventWriter, fenceEvents } from './event-writer.js';
import { followUpOf } from './follow-up-step.js';
import type { FollowUp } from './follow-up-step.js';
import { createPartResolver } from './input-files.js';
import { contextIsTainted, toModelMessages } from './model-context.js';
import { toModelRequest } from './model-request.js';
import { publishEnd } from './publish-end.js';
import { announceSteers } from './steer-events.js';
import type { StepRun } from './step-run.js';
import { parseArguments } from './tool-items.js';
import { endUnrunCalls } from './unrun-calls.js';

/** @param claimed the claim that acceptance made for step 1; null: claim it here, fencing every earlier attempt. */
export async function runModelStep(
  deps: ActivityDeps,
  scope: Scope,
  input: CallModelInput,
  run: RunContext,
  claimed: StepClaim | null,
): Promise<CallModelResult> {
  const startedMs = performance.now();
  const claim = claimed ?? (await deps.turns.claimStep(scope, { turnId: input.turnId, step: input.step }));
  if (claim.committed !== null) {
    if (claim.committed.outcome === 'closed') await publishEnd(deps, scope, input.turnId, null);
    return claim.committed;
  }
  const context = claim.context ?? (await deps.turns.loadContext(scope, input.turnId));
  if (context === null) throw failure('turn.lost', `The turn ${input.turnId} was deleted while it ran.`);
  // Losing the step to a newer attempt stops the work behind it at once.
  const lost = new AbortController();
  const signal = AbortSignal.any([run.signal, lost.signal]);
  const output = ownOutput(context);
  const writer = createEventWriter(deps.events, refOf(scope, input), writerRef(input, claim.attempt), () =>
    lost.abort('lost'),
  );
  const step: StepRun = {
    deps,
    scope,
    input,
    context,
    attempt: claim.attempt,
    tainted: contextIsTainted(context),
    writer,
    signal,
    run,
    output,
    modelCalls: [],
  };
  await openLog(step, claim);
  announceSteers(step, claim);
  const followUp = await followUpOf(step);
  if (followUp !== null) return commitFollowUp(step, followUp);
  const result = await answerAndCommit(step).catch(async (error: unknown) => {
    await bookCalls(step);
    throw orOvertaken(signal, toFailure(error));
  });
  deps.metrics.stepFinished({ agent: context.turn.settings.agent.name, durationMs: performance.now() - startedMs });
  return result;
}

async function answerAndCommit(step: StepRun): Promise<CallModelResult> {
  const { answer, compacted } = await answerStep(step);
  return commit(step, answer, compacted);
}

async function answerStep(step: StepRun): Promise<{ answer: StepAnswer; compacted: CompactedContext }> {
  const compacted = await compactIfNeeded(step, (kept) => buildRequest(step, kept));
  const answer = await answerWithFallback(step, compacted.request, step.output.length + compacted.items.length);
  return { answer, compacted };
}

/** What a failed or overtaken attempt used is paid for too. The failure is what counts: a ledger that is away must not hide it. */
async function bookCalls({ deps, scope, input, attempt, modelCalls, run }: StepRun): Promise<void> {
  if (modelCalls.length === 0) return;
  const { turnId, step } = input;
  try {
    await deps.turns.recordCalls(scope, { turnId, step, attempt, modelCalls });
  } catch (error) {
    run.log.error({ err: error, modelCalls }, 'the calls of a failed attempt could not be booked');
  }
}

const refOf = (scope: Scope, input: CallModelInput): { tenantId: string; turnId: string } => ({
  tenantId: scope.tenantId,
  turnId: input.turnId,
});
const writerRef = (input: CallModelInput, attempt: number): { part: string; attempt: number } => ({
  part: `step/${input.step}`,
  attempt,
});

function ownOutput(context: StepContext): OutputItem[] {
  return context.path
    .filter((stored) => stored.turnId === context.turn.id && stored.direction === 'output')
    .map((stored) => stored.item as OutputItem);
}

/** After a crash the log is gone: it starts again from what is stored, and readers are told to drop the open parts. */
async function openLog(step: StepRun, claim: StepClaim): Promise<void> {
  const { deps, scope, input, context, output } = step;
  const ref = refOf(scope, input);
  // From here on an earlier attempt adds nothing: what it has shown by now is all that is to be taken back.
  if (claim.attempt > 1) await fenceEvents(deps.events, ref, writerRef(input, claim.attempt));
  const before = await deps.events.state(ref);
  if (before === null) {
    await deps.events.open(ref, {
      firstSequence: claim.firstSequence,
      snapshot: toResponseResource(context.turn, output),
    });
  }
  const shown = before === null ? claim.attempt > 1 : before.snapshot.output.length > output.length;
  if (!shown) return;
  step.writer.emit({
    type: 'turnstone:step.reset',
    step: input.step,
    attempt: claim.attempt,
    output_index: output.length,
    reason: 'A new attempt of this step begins; what it had shown is replaced.',
  });
}

async function buildRequest(step: StepRun, context: StepContext): Promise<ModelRequest> {
  const by = { turnId: step.input.turnId, step: step.input.step, attempt: step.attempt };
  const resolve = await createPartResolver({ ...step.deps, by }, context, step.signal);
  const tools = new Map(step.deps.tools.map((tool) => [tool.name, tool]));
  const wrapUp = step.input.wrapUp ?? null;
  return toModelRequest(
    context.turn.settings,
    toModelMessages(context, resolve, wrapUp),
    tools,
    wrapUp,
    step.input.step,
  );
}

async function commit(step: StepRun, answer: StepAnswer, compacted: CompactedContext): Promise<CallModelResult> {
  const { deps, scope, input } = step;
  const tools = new Map(deps.tools.map((tool) => [tool.name, tool]));
  const ending = endingOf(step, answer);
  const calls =
    ending === null ? answer.assembled.calls : answer.assembled.calls.filter((call) => call.kind === 'client');
  const rules = step.context.turn.settings.approvalRules ?? NO_RULES;
  const goesWhereToldTo = createEgressTrust(step.context.path, taintSettings(step.context.turn.settings));
  const planning = { tools, taskQueue: deps.toolTaskQueue, rules, goesWhereToldTo };
  const plan = planCalls({ turnId: input.turnId, step: input.step }, calls, planning);
  const used = step.modelCalls.reduce(
    (sum, { usage, costMicros }) => ({
      tokens: sum.tokens + usage.inputTokens + usage.outputTokens,
      costMicros: sum.costMicros + (costMicros ?? 0),
    }),
    { tokens: 0, costMicros: 0 },
  );
  const result: CallModelResult = {
    outcome: ending === null ? 'calls' : 'closed',
    status: ending?.status ?? null,
    model: answer.model.name,
    calls: plan.planned,
    clientCalls: plan.clientCalls,
    ...(step.tainted ? { tainted: true } : {}),
    ...used,
  };
  const firstIndex = step.output.length + compacted.items.length;
  const answered = ending === null ? answer.assembled.items : endUnrunCalls(step, answer.assembled, ending, firstIndex);
  await step.writer.flush();
  const items = [...compacted.items, ...answered];
  const committed = await deps.turns.commitStep(scope, {
    turnId: input.turnId,
    step: input.step,
    attempt: step.attempt,
    items,
    toolCalls: plan.rows,
    modelCalls: step.modelCalls,
    answeredBy: answer.stopped === 'budget' ? null : answer.model.name,
    result,
    ending,
    lastSequence: ending === null ? null : await nextSequence(step),
  });
  if (committed === null) {
    const message = `Attempt ${step.attempt} of step ${input.step} was overtaken; its answer is dropped.`;
    throw failure('turn.stale-attempt', message);
  }
  return ending === null ? result : afterEnding(step, committed, items, result);
}

async function afterEnding(
  { deps, scope, output }: StepRun,
  { turn, next }: CommittedStep,
  items: readonly OutputItem[],
  result: CallModelResult,
): Promise<CallModelResult> {
  // Messages came in time to join: the turn goes on with them, as the store has written it down.
  if (!isTerminal(turn.status)) return { ...result, outcome: 'calls', status: null };
  if (next !== null) void deps.beginNext(next);
  await publishEnd(deps, scope, turn.id, { turn, output: [...output, ...items] });
  return result;
}

async function commitFollowUp(step: StepRun, { items, calls, result }: FollowUp): Promise<CallModelResult> {
  await step.writer.flush();
  const { turnId, step: number } = step.input;
  const turn = await step.deps.turns.commitStep(step.scope, {
    turnId,
    step: number,
    attempt: step.attempt,
    items,
    toolCalls: calls,
    modelCalls: [],
    answeredBy: step.context.turn.settings.modelChain[0] ?? result.model,
    result,
    ending: null,
    lastSequence: null,
  });
  if (turn !== null) return result;
  throw failure(
    'turn.stale-attempt',
    `Attempt ${step.attempt} of step ${number} was overtaken; its calls are dropped.`,
  );
}

/** The number of the next event: this step's own events are all in, and nothing else writes between steps. */
async function nextSequence(step: StepRun): Promise<number | null> {
  const log = await step.deps.events.state(refOf(step.scope, step.input));
  return log === null ? null : log.lastSequence + 1;
}

/** Null: there are calls to run. The loop ends on the absence of calls, not on a finish reason. */
function endingOf(step: StepRun, answer: StepAnswer): TurnEnding | null {
  const end = (status: TerminalStatus, incompleteReason: TurnEnding['incompleteReason'] = null): TurnEnding => ({
    status,
    incompleteReason,
    error: null,
  });
  if (answer.stopped === 'cancel') return end('cancelled');
  if (answer.stopped === 'deadline') return end('incomplete', 'max_wall_time');
  if (answer.stopped === 'budget') return end('incomplete', 'budget_exhausted');
  const atLength = answer.cutByBudget ? 'budget_exhausted' : 'max_output_tokens';
  if (answer.finish === 'length' && !callsAreWhole(answer)) return end('incomplete', atLength);
  // Before the calls: a model that asks for more although it was offered no tools would go on for ever.
  if (step.input.wrapUp !== undefined) return end('incomplete', step.input.wrapUp);
  if (answer.assembled.calls.some((call) => call.kind === 'tool')) return null;
  if (answer.finish === 'length') return end('incomplete', atLength);
  if (answer.finish === 'content_filter') return end('incomplete', 'content_filter');
  return end('completed');
}

/** An answer cut at its token limit may end in the middle of a call's JSON: such a call is never run. */
function callsAreWhole(answer: StepAnswer): boolean {
  return (
    answer.assembled.calls.length > 0 &&
    answer.assembled.calls.every((call) => parseArguments(call.arguments) !== undefined)
  );
}
