/** Effects in memory, over the same tables as the turns. */
import type { EffectRecord, EffectResolution, UndoRecord } from '../../domain/effect.js';
import { failure } from '../../domain/failures.js';
import type { EffectStore } from '../../domain/ports/effect-store.js';
import { internalScope } from '../../domain/scope.js';
import type { Scope } from '../../domain/scope.js';
import type { MemoryTables, TurnRow } from './in-memory-stores-tables.js';

export function createInMemoryEffectStore(tables: MemoryTables): EffectStore {
  const undos = new Map<string, UndoRecord>();
  const resolutions = new Map<string, EffectResolution>();
  const effectsOf = (scope: Scope, of: (row: TurnRow) => boolean): EffectRecord[] =>
    [...tables.turns.values()]
      .filter((row) => row.turn.tenantId === scope.tenantId && of(row))
      .flatMap(({ turn, calls }) =>
        calls
          .filter(
            ({ effect, attempt, step }) => effect !== 'read' && attempt > 0 && step >= (turn.settings.fork?.step ?? 1),
          )
          .map((call) => ({
            id: call.itemId,
            principalId: turn.principalId,
            conversationId: turn.conversationId,
            requestId: turn.requestId,
            call,
            startedAtMs: turn.createdAtMs,
            finishedAtMs: turn.completedAtMs,
            undo: undos.get(call.itemId) ?? null,
            resolution: resolutions.get(call.itemId) ?? null,
          })),
      )
      .reverse();
  const find = (scope: Scope, id: string): EffectRecord | null =>
    effectsOf(scope, () => true).find((effect) => effect.id === id) ?? null;
  const need = (scope: Scope, id: string): EffectRecord => {
    const effect = find(scope, id);
    if (effect === null) throw failure('effect.not-found', `there is no effect ${id}`);
    return effect;
  };
  return {
    async list(scope, { of, after, limit }) {
      const all = effectsOf(scope, ({ turn }) =>
        'turnId' in of ? turn.id === of.turnId : turn.conversationId === of.conversationId,
      );
      const rest = after === null ? all : all.slice(all.findIndex(({ id }) => id === after) + 1);
      return { effects: rest.slice(0, limit), hasMore: rest.length > limit };
    },
    get: async (scope, id) => find(scope, id),
    async requestUndo(scope, id) {
      need(scope, id);
      const fresh = { status: 'running', attempt: 0, text: null, error: null, finishedAtMs: null } as const;
      if (!undos.has(id)) undos.set(id, { ...fresh, requestedAtMs: Date.now() });
      return need(scope, id);
    },
    async claimUndo(_scope, id) {
      const undo = undos.get(id);
      if (undo?.status !== 'running') return null;
      undos.set(id, { ...undo, attempt: undo.attempt + 1 });
      return undo.attempt + 1;
    },
    async listRunningUndos(olderThanMs, limit) {
      const scopes = new Set([...tables.turns.values()].map(({ turn }) => turn.tenantId));
      return [...scopes]
        .flatMap((tenantId) =>
          effectsOf(internalScope(tenantId, 'sweeper'), () => true).map((effect) => ({ tenantId, effect })),
        )
        .filter(({ effect: { undo } }) => undo?.status === 'running' && undo.requestedAtMs <= Date.now() - olderThanMs)
        .slice(0, limit);
    },
    async endUndo(_scope, { effectId, attempt, status, text, error }) {
      const undo = undos.get(effectId);
      if (undo?.status !== 'running' || (attempt !== null && undo.attempt !== attempt)) return false;
      undos.set(effectId, { ...undo, status, text, error, finishedAtMs: Date.now() });
      return true;
    },
    async resolve(scope, id, { happened, note }) {
      need(scope, id);
      if (resolutions.has(id)) return null;
      resolutions.set(id, { happened, note, resolvedBy: scope.principalId, resolvedAtMs: Date.now() });
      return need(scope, id);
    },
  };
}
