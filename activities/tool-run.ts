/**
 * One tool call: claim it, run it, commit its receipt. A failed tool is a result for the model; only infrastructure throws.
 * Safe to repeat: a committed call answers with its receipt, and an `unkeyed` call that was begun is never begun again.
 */
import { failure, isFailure, ruleOf, toFailure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import { preview, storableText } from '../domain/json.js';
import { LIMIT_EXPLANATIONS } from '../domain/limits.js';
import type { ToolItem } from '../domain/item.js';
import type { Tool, ToolOutput } from '../domain/ports/tool-runtime.js';
import type { ToolClaim } from '../domain/ports/turn-store.js';
import { toResponseResource } from '../domain/response-resource.js';
import type { OutputItem } from '../domain/item.js';
import { ownerScope } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import { withoutOutsideOrigin } from '../domain/taint.js';
import { PREVIEW_MAX_BYTES } from '../domain/turn-contract.js';
import type { RunToolInput, RunToolResult } from '../domain/turn-contract.js';
import type { TurnRecord } from '../domain/turn.js';
import { orOvertaken, stopReason, stoppedByUs } from './activity-deps.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';
import { reportSecret } from './answer-filter.js';
import { discardFiles } from './discard-files.js';
import { createEventWriter, fenceEvents } from './event-writer.js';
import type { EventWriter } from './event-writer.js';
import { createToolContext } from './tool-context.js';
import { endedEvents, endedItem, parseArguments, runningEvent } from './tool-items.js';
import type { ToolEnd } from './tool-items.js';
import { permissionFor } from './tool-permission.js';
import { raceAbort } from './race-abort.js';
import { repeatKeyOf } from './repeat-key.js';
import { cutToBudget } from './tool-result.js';
import { createToolStages } from './tool-stages.js';
import type { ToolStages } from './tool-stages.js';

/** For calls without a tool behind them (unknown names): messages of ours, short anyway. */
const DEFAULT_RESULT_BUDGET = 10_000;

interface ToolRun {
  readonly deps: ActivityDeps;
  readonly scope: Scope;
  readonly input: RunToolInput;
  readonly run: RunContext;
  readonly claim: ToolClaim;
  readonly turn: TurnRecord;
  readonly item: ToolItem;
  readonly outputIndex: number;
  readonly writer: EventWriter;
  readonly stages: ToolStages;
  readonly signal: AbortSignal;
}

export async function runToolCall(
  deps: ActivityDeps,
  scope: Scope,
  input: RunToolInput,
  context: RunContext,
): Promise<RunToolResult> {
  const startedMs = performance.now();
  const claim = await deps.turns.claimTool(scope, {
    turnId: input.turnId,
    step: input.step,
    callIndex: input.callIndex,
  });
  if (claim.decision === 'done') return receiptResult(claim);
  const toolRun = await prepare(deps, scope, input, context, claim);
  const end = claim.decision === 'unknown' ? unknownOutcome() : await perform(toolRun);
  const result = await commit(toolRun, end, Math.round(performance.now() - startedMs));
  deps.metrics.toolCallFinished({
    tool: claim.call.name,
    outcome: end.status,
    durationMs: performance.now() - startedMs,
  });
  return result;
}

function receiptResult(claim: ToolClaim): RunToolResult {
  const { call } = claim;
  const status = call.status === 'pending' || call.status === 'running' ? 'failed' : call.status;
  return { status, repeatKey: call.resultHash ?? '', preview: preview(call.result ?? '', PREVIEW_MAX_BYTES) };
}

async function prepare(
  deps: ActivityDeps,
  scope: Scope,
  input: RunToolInput,
  run: RunContext,
  claim: ToolClaim,
): Promise<ToolRun> {
  const ref = { tenantId: scope.tenantId, turnId: input.turnId };
  const [turn, stored] = await Promise.all([
    deps.turns.get(scope, input.turnId),
    deps.turns.output(scope, input.turnId),
  ]);
  if (turn === null) throw failure('turn.lost', `The turn ${input.turnId} was deleted while it ran.`);
  const output = stored.map((each) => each.item as OutputItem);
  if ((await deps.events.state(ref)) === null) {
    // The log was lost with its process. Numbers go on above everything that process may have given out.
    await deps.events.open(ref, {
      firstSequence: await deps.turns.reserveSequence(scope, input.turnId),
      snapshot: toResponseResource(turn, output),
    });
  }
  const writerRef = { part: `step/${input.step}/call/${input.callIndex}`, attempt: claim.call.attempt };
  // An attempt before this one, if it still runs, has nothing more to say.
  if (writerRef.attempt > 1) await fenceEvents(deps.events, ref, writerRef);
  const lost = new AbortController();
  const writer = createEventWriter(deps.events, ref, writerRef, () => lost.abort('lost'));
  const outputIndex = output.findIndex((item) => item.id === claim.call.itemId);
  const signal = AbortSignal.any([run.signal, lost.signal]);
  const item = claim.item.item as ToolItem;
  const stages = createToolStages(writer, { id: item.id, outputIndex });
  return { deps, scope, input, run, claim, turn, item, outputIndex, writer, stages, signal };
}

function unknownOutcome(because = 'its process was lost'): ToolEnd {
  const message =
    `It is not known whether this call took effect: it was begun, and then ${because}. It was not run again. ` +
    'Find out what happened before you repeat it, or ask the user.';
  return { status: 'outcome_unknown', text: message, files: [], error: { code: 'tool.outcome-unknown', message } };
}

/** Runs the tool or says why not. Throws only what Temporal should try again. */
async function perform(toolRun: ToolRun): Promise<ToolEnd> {
  const { deps, scope, claim, input, turn } = toolRun;
  if (input.refused !== undefined) {
    return notRun(failure('tool.unavailable', `Not run: ${LIMIT_EXPLANATIONS[input.refused]}.`));
  }
  const tool = deps.tools.find((each) => each.name === claim.call.name);
  const problem = refusal(tool, claim.call.name, turn, deps.tools);
  if (tool === undefined || problem !== null) return notRun(problem ?? failure('tool.unknown', 'No such tool.'));
  const request = { input, call: claim.call, tool, settings: turn.settings };
  const permission = await permissionFor(deps.approvals, scope, request);
  if (permission.kind === 'refused') return notApproved(input, permission.failure);
  // Stopped before it was begun: nothing has happened, and nothing is in doubt.
  if (stopReason(toolRun.signal) === 'cancel') return cancelled();
  const running = runningEvent(toolRun.item, toolRun.outputIndex);
  if (running !== null) toolRun.writer.emit(running);
  try {
    const output = await invokeInTime(toolRun, tool, permission.arguments);
    toolRun.stages.end('completed');
    const edited = permission.edited ? permission.arguments : null;
    const text = storableText(edited === null ? output.text : `${editedNote(edited)}\n${output.text}`);
    return { status: 'completed', text, files: output.files ?? [], error: null, edited };
  } catch (error) {
    toolRun.stages.end('failed');
    return onToolError(toolRun, tool, toFailure(error, 'tool.failed'));
  }
}

function refusal(tool: Tool | undefined, name: string, turn: TurnRecord, tools: readonly Tool[]): Failure | null {
  if (tool === undefined || !turn.settings.tools.some((pinned) => pinned.name === name)) {
    const known = tools
      .filter((each) => turn.settings.tools.some((pinned) => pinned.name === each.name))
      .map((each) => each.name);
    return failure(
      'tool.unknown',
      `There is no tool ${JSON.stringify(name)}. Tools of this turn: ${known.join(', ') || 'none'}.`,
    );
  }
  const pinned = turn.settings.tools.find((each) => each.name === name);
  if (pinned?.schemaHash !== tool.schemaHash) {
    return failure(
      'tool.changed',
      `The tool ${name} changed after this turn began, so it is not run. Start a new turn.`,
    );
  }
  const unavailable = tool.unavailable?.() ?? null;
  return unavailable === null ? null : failure('tool.unavailable', unavailable);
}

/** A call that waits for its decision in another turn has not failed. */
function notApproved({ approval }: RunToolInput, error: Failure): ToolEnd {
  return approval?.status === 'pending' ? { ...notRun(error), status: 'cancelled' } : notRun(error);
}

function editedNote(argumentsText: string): string {
  return `[The person who approved this call changed its arguments to ${argumentsText}]`;
}

async function invokeInTime(toolRun: ToolRun, tool: Tool, argumentsText: string): Promise<ToolOutput> {
  const { input, turn } = toolRun;
  const parsed = parseArguments(argumentsText);
  if (parsed === undefined) {
    throw failure('tool.invalid-arguments', `The arguments of ${tool.name} are not valid JSON; send one JSON object.`);
  }
  const timeoutMs = Math.min(tool.timeoutMs, input.remainingMs);
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([toolRun.signal, timeout]);
  const saved: { readonly id: string }[] = [];
  const context = createToolContext({
    onSaved: (file) => saved.push(file),
    deps: toolRun.deps,
    // Ids in a call's arguments come from a model: a tool reaches what the turn's owner owns, and nothing else.
    scope: ownerScope(turn),
    key: { turnId: input.turnId, step: input.step, callIndex: input.callIndex },
    conversationId: turn.conversationId,
    stages: toolRun.stages,
    signal,
    log: toolRun.run.log.child({ tool: tool.name }),
  });
  try {
    return await raceAbort(tool.invoke(parsed, context), signal);
  } catch (error) {
    await discardFiles(toolRun.deps, turn, saved, toolRun.run.log);
    if (!timeout.aborted || toolRun.signal.aborted) throw error;
    throw failure(
      'tool.timeout',
      `${tool.name} did not finish within ${Math.round(timeoutMs / 1000)} s and was stopped.`,
      { cause: error },
    );
  }
}

function onToolError(toolRun: ToolRun, tool: Tool, error: Failure): ToolEnd {
  const stopped = stoppedByUs(toolRun.signal, error);
  const doubt = tool.effect === 'unkeyed' ? stoppedUnderWay(stopped, error) : null;
  if (doubt !== null) return unknownOutcome(doubt);
  if (stopped === 'cancel') return cancelled();
  if (stopped === 'deadline')
    return failed(failure('tool.timeout', 'The time for this turn is used up; the call was stopped.'));
  // The worker goes away or lost the call: another attempt must take it, not the model.
  if (stopReason(toolRun.signal) !== null) throw orOvertaken(toolRun.signal, error);
  toolRun.run.log.warn({ tool: tool.name, code: error.code, err: error }, 'tool failed');
  const mayRetry = tool.effect !== 'unkeyed' && ruleOf(error.code).retryable && error.code !== 'server.internal';
  if (mayRetry && toolRun.run.engineAttempt < tool.attempts) throw error;
  return failed(error);
}

/** A call that was stopped by us, and not by its tool, may have reached the world by then. */
function stoppedUnderWay(stopped: ReturnType<typeof stoppedByUs>, error: Failure): string | null {
  if (stopped === 'cancel') return 'it was cancelled';
  if (stopped === 'deadline') return 'the time for this turn was used up';
  return error.code === 'tool.timeout' ? 'it was stopped because it took too long' : null;
}

function cancelled(): ToolEnd {
  return { ...failed(failure('turn.cancelled', 'The call was cancelled.')), status: 'cancelled' };
}

function notRun(error: Failure): ToolEnd {
  return { ...failed(error), notRun: true };
}

function failed(error: Failure): ToolEnd {
  const message = isFailure(error) ? storableText(error.message) : 'The tool failed.';
  return {
    status: 'failed',
    text: `Error (${error.code}): ${message}`,
    files: [],
    error: { code: error.code, message },
  };
}

async function commit(toolRun: ToolRun, made: ToolEnd, durationMs: number): Promise<RunToolResult> {
  const { deps, scope, input, claim } = toolRun;
  const end = withoutSecrets(toolRun, made);
  const tool = deps.tools.find((each) => each.name === claim.call.name);
  const cut = cutToBudget(end.text, tool?.resultBudgetChars ?? DEFAULT_RESULT_BUDGET, claim.call.itemId);
  const repeatKey = repeatKeyOf(claim, end);
  const begun = end.notRun === true ? withoutOutsideOrigin(toolRun.item) : toolRun.item;
  const item = endedItem(begun, { ...end, text: cut.text });
  const written = await deps.turns.commitTool(scope, {
    turnId: input.turnId,
    step: input.step,
    callIndex: input.callIndex,
    attempt: claim.call.attempt,
    status: end.status,
    result: cut.text,
    fullResult: cut.full,
    resultHash: repeatKey,
    error: end.error,
    durationMs,
    item,
  });
  if (!written) {
    await discardFiles(deps, toolRun.turn, made.files, toolRun.run.log);
    throw failure('turn.stale-attempt', `Attempt ${claim.call.attempt} of the call ${claim.call.name} was overtaken.`);
  }
  for (const draft of endedEvents(item, toolRun.outputIndex)) toolRun.writer.emit(draft);
  await toolRun.writer.flush();
  return { status: end.status, repeatKey, preview: preview(cut.text, PREVIEW_MAX_BYTES) };
}

/** Tools are given no secret of this server; what they read may hold one all the same. */
function withoutSecrets({ deps, run }: ToolRun, end: ToolEnd): ToolEnd {
  const net = deps.answers?.secrets;
  if (net === undefined) return end;
  const text = net.blank(end.text);
  if (text.found > 0) reportSecret({ run }, 'tool result', text.found);
  const error = end.error === null ? null : { ...end.error, message: net.blank(end.error.message).text };
  return { ...end, text: text.text, error };
}
