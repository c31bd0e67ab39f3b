/** Effects as the API shows them, and what a person may do about one: take it back, or say what became of it. */
import { createHash } from 'node:crypto';
import { happened, inDoubt } from '../domain/effect.js';
import type { EffectRecord } from '../domain/effect.js';
import { failure } from '../domain/failures.js';
import { isId } from '../domain/ids.js';
import { preview } from '../domain/json.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import type { Scope } from '../domain/scope.js';
import { PREVIEW_MAX_BYTES } from '../domain/turn-contract.js';
import { toUndoInput } from '../domain/undo-contract.js';
import type { ApiDeps } from './api-deps.js';
import { argumentsHash } from './compare-turns.js';

const toSeconds = (ms: number | null): number | null => (ms === null ? null : Math.floor(ms / 1000));

/** As the tool was given it: the same derivation as where calls run. */
export function idempotencyKey({ call }: EffectRecord): string {
  return createHash('sha256').update(`${call.turnId}/${call.step}/${call.callIndex}`).digest('hex');
}

export function toEffectObject(tools: readonly Tool[], effect: EffectRecord): { readonly id: string } {
  const { call, undo, resolution } = effect;
  return {
    id: effect.id,
    object: 'effect',
    response_id: call.turnId,
    conversation_id: effect.conversationId,
    step: call.step,
    tool: call.name,
    effect: call.effect,
    arguments_hash: argumentsHash(call),
    idempotency_key: call.effect === 'keyed' ? idempotencyKey(effect) : null,
    status: call.status,
    happened: happened(effect),
    receipt: call.result === null ? null : preview(call.result, PREVIEW_MAX_BYTES),
    error: call.error,
    started_at: toSeconds(effect.startedAtMs),
    finished_at: toSeconds(effect.finishedAtMs),
    undoable: undo === null && whyNotUndoable(tools, effect) === null,
    undo: undo === null ? null : toUndoObject(undo),
    resolution: resolution === null ? null : toResolutionObject(resolution),
  } as { readonly id: string };
}

function toUndoObject(undo: NonNullable<EffectRecord['undo']>): object {
  const { status, text, error } = undo;
  return {
    status,
    text,
    error,
    requested_at: toSeconds(undo.requestedAtMs),
    finished_at: toSeconds(undo.finishedAtMs),
  };
}

function toResolutionObject(resolution: NonNullable<EffectRecord['resolution']>): object {
  const { happened: didHappen, note, resolvedBy, resolvedAtMs } = resolution;
  return { happened: didHappen, note, by: resolvedBy, at: toSeconds(resolvedAtMs) };
}

/** @throws `effect.not-found`. */
export async function requireEffect(deps: ApiDeps, scope: Scope, id: string): Promise<EffectRecord> {
  const effect = isId(id) ? await deps.effects.get(scope, id) : null;
  if (effect !== null) return effect;
  throw failure(
    'effect.not-found',
    `There is no effect '${id.slice(0, 128)}'. GET /v1/responses/{id}/effects lists them.`,
  );
}

function whyNotUndoable(tools: readonly Tool[], effect: EffectRecord): string | null {
  const { call } = effect;
  if (tools.find((tool) => tool.name === call.name)?.undo === undefined)
    return `the tool ${call.name} declares no undo`;
  const known = happened(effect);
  if (known === true) return null;
  if (known === false) return 'the call did not take effect';
  return call.status === 'running'
    ? 'the call still runs'
    : 'nobody knows whether the call took effect: say so first with POST /v1/effects/{id}/resolve';
}

/** @throws `effect.not-found`, `effect.not-undoable`, `engine.unavailable` (nothing is lost: the sweeper starts what was noted). */
export async function undoEffect(deps: ApiDeps, scope: Scope, id: string): Promise<EffectRecord> {
  const effect = await requireEffect(deps, scope, id);
  if (effect.undo !== null && effect.undo.status !== 'running') return effect;
  const why = whyNotUndoable(deps.tools, effect);
  if (why !== null) throw failure('effect.not-undoable', `The effect '${id}' cannot be undone: ${why}.`);
  const asked = await deps.effects.requestUndo(scope, id);
  await deps.undoEngine.startUndo(toUndoInput(scope.tenantId, asked, deps.tools));
  return requireEffect(deps, scope, id);
}

/** @throws `effect.not-found`, `effect.not-in-doubt`. */
export async function resolveEffect(
  deps: ApiDeps,
  scope: Scope,
  id: string,
  resolution: { readonly happened: boolean; readonly note: string | null },
): Promise<EffectRecord> {
  const effect = await requireEffect(deps, scope, id);
  if (!inDoubt(effect)) {
    const message = `The call of '${id}' is ${effect.call.status}: there is no doubt to resolve.`;
    throw failure('effect.not-in-doubt', message);
  }
  const resolved = await deps.effects.resolve(scope, id, resolution);
  if (resolved !== null) return resolved;
  throw failure(
    'effect.not-in-doubt',
    `Somebody has already said what became of '${id}'. GET /v1/effects/${id} shows it.`,
  );
}
