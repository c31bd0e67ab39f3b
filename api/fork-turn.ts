/**
 * Runs a turn again from a step, as a branch beside it: what was recorded before the step is taken over and not run again,
 * with another prompt, model or tool result from there on.
 */
import { failure } from '../domain/failures.js';
import { newId } from '../domain/ids.js';
import type { Item } from '../domain/item.js';
import type { ForkedSteps, StepContext } from '../domain/ports/turn-store.js';
import { ownerScope } from '../domain/scope.js';
import type { ToolCallRecord } from '../domain/tool.js';
import { isTerminal } from '../domain/turn.js';
import type { ForkChange, TurnFork, TurnRecord, TurnSettings } from '../domain/turn.js';
import type { AcceptContext } from './accept-turn.js';
import type { ApiDeps } from './api-deps.js';
import { beginTurn } from './begin-turn.js';
import { isPriced } from './budget-view.js';
import { freshSettings } from './continue-turn.js';
import { loadPath } from './conversation-path.js';
import { createContentIntake } from './input-content.js';
import type { ContentIntake } from './input-content.js';
import { toInputItems } from './input-items.js';
import type { ForkRequest } from './schemas/fork-schemas.js';
import { withProviderKey } from './provider-key.js';
import { requireReadableTurn } from './stored-response.js';

type Change = ForkRequest['change'];

/** What the turn recorded, as far as a fork must know it. */
interface Recorded {
  readonly steps: number;
  readonly calls: readonly ToolCallRecord[];
}

/** @throws `response.not-found`, `response.still-running`, `item.not-found`, `model.not-found`, `request.invalid`, `conversation.busy`. */
export async function forkTurn(
  deps: ApiDeps,
  context: AcceptContext,
  turnId: string,
  request: ForkRequest,
): Promise<TurnRecord> {
  const old = await requireReadableTurn(deps, context.scope, turnId);
  if (!isTerminal(old.status)) {
    throw failure(
      'response.still-running',
      `The response '${old.id}' is still running. Wait for it or cancel it, then fork it.`,
    );
  }
  const owner = { ...context, scope: ownerScope(old) };
  const recorded = toRecorded(await deps.turns.loadContext(owner.scope, old.id), old.id);
  const call = changedCall(recorded, request.change);
  const step = firstStep(recorded, request.step, call);
  const settings = forkedSettings(
    deps,
    old,
    { turnId: old.id, step, changed: changesOf(request.change) },
    request.change,
  );
  const intake = createContentIntake(deps.files, owner.scope);
  try {
    const input = await newInput(deps, owner, old, request.change, intake);
    const fork: ForkedSteps = {
      turnId: old.id,
      through: step - 1,
      input: input === null,
      toolResult: call === null ? null : { itemId: call.itemId, text: request.change.tool_result?.output ?? '' },
    };
    const id = newId('response');
    const outcome = await deps.turns.accept(owner.scope, {
      id,
      conversationId: old.conversationId,
      parentId: old.parentId,
      ...(await withProviderKey(deps, owner, { id, settings })),
      metadata: old.metadata,
      background: request.background ?? false,
      stored: old.stored,
      requestId: context.requestId,
      ...context.idempotency,
      input: input ?? [],
      fork,
      priced: isPriced(deps.models, settings.modelChain),
    });
    if (outcome.kind === 'replayed') await intake.undo();
    await beginTurn(deps, owner, outcome);
    return outcome.turn;
  } catch (error) {
    await intake.undo();
    throw error;
  }
}

function toRecorded(context: StepContext | null, turnId: string): Recorded {
  const own = (context?.path ?? []).filter((stored) => stored.turnId === turnId);
  return {
    steps: Math.max(0, ...own.filter(({ direction }) => direction === 'output').map(({ step }) => step)),
    calls: (context?.toolCalls ?? []).filter((call) => call.turnId === turnId),
  };
}

function changesOf(change: Change): ForkChange[] {
  return (['instructions', 'input', 'model', 'tool_result'] as const).filter((name) => change[name] !== undefined);
}

function changedCall({ calls }: Recorded, { tool_result: result }: Change): ToolCallRecord | null {
  if (result === undefined) return null;
  const param = 'change.tool_result.call';
  const call = calls.findLast(({ itemId, modelCallId }) => itemId === result.call || modelCallId === result.call);
  if (call === undefined) {
    throw failure(
      'item.not-found',
      `The response has no call '${result.call}'. GET it and take the id of one of its calls.`,
      { param },
    );
  }
  if (call.kind === 'tool') return call;
  throw failure(
    'request.invalid',
    `'${result.call}' is a call for the client: answer it with function_call_output instead.`,
    { param },
  );
}

/** A step can run again when all steps before it are recorded, and the last of them left something to go on from. */
function firstStep({ steps, calls }: Recorded, asked: number | undefined, call: ToolCallRecord | null): number {
  const last = calls.some(({ step, kind }) => step === steps && kind === 'tool') ? steps + 1 : Math.max(1, steps);
  const step = asked ?? (call === null ? 1 : call.step + 1);
  if (step > last) {
    throw failure(
      'request.invalid',
      `The response recorded ${String(steps)} steps; a fork can begin at 1 to ${String(last)}.`,
      { param: 'step' },
    );
  }
  if (call !== null && call.step !== step - 1) {
    const message = `The call '${call.itemId}' belongs to step ${String(call.step)}: with another result for it the fork begins at step ${String(call.step + 1)}.`;
    throw failure('request.invalid', message, { param: 'step' });
  }
  return step;
}

/** Today's agent, tools and rules, as when a turn is continued. Limits count from the fork on. */
function forkedSettings(deps: ApiDeps, old: TurnRecord, fork: TurnFork, change: Change): TurnSettings {
  const fresh = freshSettings(deps, old.settings, undefined);
  const limits = { ...fresh.limits, maxSteps: fresh.limits.maxSteps + fork.step - 1 };
  const instructions = change.instructions === undefined ? fresh.instructions : change.instructions;
  return { ...fresh, ...modelOf(deps, fresh, change.model), instructions, limits, fork };
}

function modelOf(
  deps: ApiDeps,
  fresh: TurnSettings,
  model: string | undefined,
): Pick<TurnSettings, 'requestedModel' | 'modelChain'> {
  if (model === undefined) return fresh;
  const named = deps.agents.find((agent) => agent.name === model);
  const modelChain = deps.models.resolve(named?.model ?? model);
  if (modelChain !== null && modelChain.length > 0) return { requestedModel: model, modelChain };
  throw failure('model.not-found', `There is no model '${model}'. GET /v1/models lists them.`, {
    param: 'change.model',
  });
}

/** Null: the recorded input stays. */
async function newInput(
  deps: ApiDeps,
  context: AcceptContext,
  old: TurnRecord,
  { input }: Change,
  intake: ContentIntake,
): Promise<readonly Item[] | null> {
  if (input === undefined) return null;
  const place = { conversationId: null, parentId: old.parentId };
  return toInputItems({ input, path: () => loadPath(deps, context.scope, place), field: 'change.input' }, intake);
}
