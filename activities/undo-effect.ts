/** Takes back what a tool call did, with the undo the tool declares. Fenced by attempt, and keyed by a key of its own. */
import { failure, ruleOf, toFailure } from '../domain/failures.js';
import type { Failure } from '../domain/failures.js';
import { storableText } from '../domain/json.js';
import type { EffectRecord } from '../domain/effect.js';
import type { UndoEnding } from '../domain/ports/effect-store.js';
import type { Tool, ToolOutput } from '../domain/ports/tool-runtime.js';
import { ownerScope } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import type { UndoInput, UndoResult } from '../domain/undo-contract.js';
import { stopReason } from './activity-deps.js';
import type { ActivityDeps, RunContext } from './activity-deps.js';
import { createToolContext, idempotencyKeyOf, undoKeyOf } from './tool-context.js';
import { parseArguments } from './tool-items.js';

/** Kept of what an undo answers: enough to read, not a result for a model. */
const MAX_TEXT_CHARS = 4_000;

type Outcome = Pick<UndoEnding, 'status' | 'text' | 'error'>;

export async function undoEffect(
  deps: ActivityDeps,
  scope: Scope,
  input: UndoInput,
  run: RunContext,
): Promise<UndoResult> {
  const attempt = await deps.effects.claimUndo(scope, input.effectId);
  const effect = await deps.effects.get(scope, input.effectId);
  if (effect === null)
    throw failure('effect.not-found', `There is no effect ${input.effectId}: its response was deleted.`);
  if (attempt === null) return { status: effect.undo?.status ?? 'unknown' };
  const outcome = await outcomeOf(deps, scope, effect, run);
  const written = await deps.effects.endUndo(scope, { effectId: effect.id, attempt, ...outcome });
  if (!written) throw failure('turn.stale-attempt', `Attempt ${attempt} at undoing ${effect.id} was overtaken.`);
  run.log.info({ effectId: effect.id, tool: effect.call.name, status: outcome.status }, 'undo ended');
  return { status: outcome.status };
}

/** Throws only what Temporal should try again. */
async function outcomeOf(deps: ActivityDeps, scope: Scope, effect: EffectRecord, run: RunContext): Promise<Outcome> {
  const tool = deps.tools.find((each) => each.name === effect.call.name);
  try {
    const output = await invoke(deps, ownerScope({ ...effect, tenantId: scope.tenantId }), effect, tool, run);
    return { status: 'undone', text: storableText(output.text).slice(0, MAX_TEXT_CHARS), error: null };
  } catch (thrown) {
    const error = toFailure(thrown, 'tool.failed');
    if (stopReason(run.signal) !== null) throw error;
    if (ruleOf(error.code).retryable && error.code !== 'server.internal' && run.engineAttempt < (tool?.attempts ?? 1))
      throw error;
    run.log.warn({ effectId: effect.id, code: error.code, err: error }, 'undo failed');
    return { status: error.code === 'tool.timeout' ? 'unknown' : 'failed', text: null, error: errorOf(error) };
  }
}

function errorOf({ code, message }: Failure): NonNullable<UndoEnding['error']> {
  return { code, message: storableText(message).slice(0, MAX_TEXT_CHARS) };
}

async function invoke(
  deps: ActivityDeps,
  scope: Scope,
  { call, conversationId }: EffectRecord,
  tool: Tool | undefined,
  run: RunContext,
): Promise<ToolOutput> {
  if (tool?.undo === undefined)
    throw failure('tool.unavailable', `The tool ${call.name} has no undo on this server any more.`);
  const timeout = AbortSignal.timeout(tool.timeoutMs);
  const signal = AbortSignal.any([run.signal, timeout]);
  const key = { turnId: call.turnId, step: call.step, callIndex: call.callIndex };
  const stages = { begin: (): void => undefined, end: (): void => undefined };
  const context = createToolContext({ deps, scope, key, conversationId, stages, signal, log: run.log });
  const receipt = { text: call.fullResult ?? call.result ?? '', idempotencyKey: idempotencyKeyOf(key) };
  const work = tool.undo(parseArguments(call.arguments), receipt, { ...context, idempotencyKey: undoKeyOf(key) });
  const stopped = new Promise<never>((_resolve, reject) => {
    const stop = (): void =>
      reject(
        timeout.aborted
          ? failure(
              'tool.timeout',
              `The undo of ${call.name} did not finish in ${Math.round(tool.timeoutMs / 1000)} s.`,
            )
          : failure('turn.cancelled', 'The undo was stopped.'),
      );
    signal.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([work, stopped]);
}
