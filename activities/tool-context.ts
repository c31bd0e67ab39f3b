/** What one tool call is given: files of its conversation path, earlier results, progress as stages, the egress gate. */
import { createHash } from 'node:crypto';
import { failure } from '../domain/failures.js';
import type { Item } from '../domain/item.js';
import type { StepContext } from '../domain/ports/turn-store.js';
import type { ToolContext, ToolFile, ToolFiles } from '../domain/ports/tool-runtime.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Scope } from '../domain/scope.js';
import type { ToolCallKey } from '../domain/tool.js';
import type { ActivityDeps } from './activity-deps.js';
import type { ToolStages } from './tool-stages.js';

export interface ToolContextInput {
  readonly deps: ActivityDeps;
  readonly scope: Scope;
  readonly key: ToolCallKey;
  readonly conversationId: string | null;
  readonly stages: ToolStages;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Told of each file the call saves. */
  readonly onSaved?: (file: { readonly id: string }) => void;
}

/** The same for every attempt and for nothing else: from the place in the turn, never from the model's call id. */
export function idempotencyKeyOf(key: ToolCallKey): string {
  return createHash('sha256').update(`${key.turnId}/${key.step}/${key.callIndex}`).digest('hex');
}

/** Undoing is an effect of its own: it must not be taken for the call it undoes. */
export function undoKeyOf(key: ToolCallKey): string {
  return createHash('sha256').update(`undo/${key.turnId}/${key.step}/${key.callIndex}`).digest('hex');
}

export function createToolContext(input: ToolContextInput): ToolContext {
  const { deps, scope, key } = input;
  return {
    signal: input.signal,
    scope,
    turnId: key.turnId,
    conversationId: input.conversationId,
    idempotencyKey: idempotencyKeyOf(key),
    log: input.log,
    egress: deps.egress,
    progress: (title, content) => input.stages.begin(title, content),
    files: createToolFiles(input),
    results: { read: (id) => deps.turns.fullResult(scope, key.turnId, id) },
  };
}

function createToolFiles({ deps, scope, key: { turnId }, signal, onSaved }: ToolContextInput): ToolFiles {
  return {
    async list() {
      const context: StepContext | null = await deps.turns.loadContext(scope, turnId);
      const ids = new Set((context?.path ?? []).flatMap((stored) => fileIds(stored.item)));
      const records = await Promise.all([...ids].map((id) => deps.files.get(scope, id)));
      return records.filter((record): record is NonNullable<typeof record> => record !== null).map(toToolFile);
    },
    read: (id) => deps.files.read(scope, id),
    async save(file) {
      const saved = await deps.files.put(scope, { ...file, purpose: 'assistant_output' });
      onSaved?.(saved);
      if (!signal.aborted) return saved;
      // The call was given up: what it saves now nobody will hear of.
      await deps.files.remove(scope, saved.id);
      throw failure('turn.cancelled', 'The call was stopped; its file was not kept.');
    },
  };
}

function toToolFile(record: { id: string; filename: string; mimeType: string; bytes: number }): ToolFile {
  return { id: record.id, filename: record.filename, mimeType: record.mimeType, bytes: record.bytes };
}

function fileIds(item: Item): string[] {
  if (item.type === 'code_interpreter_call') return (item.turnstone_files ?? []).map((file) => file.id);
  if (item.type !== 'message' || item.role === 'assistant') return [];
  return item.content.flatMap((part) => ('file_id' in part && typeof part.file_id === 'string' ? [part.file_id] : []));
}
