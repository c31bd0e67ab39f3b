/** A tool context in memory: what a tool reads and makes stays in plain arrays that a test can look at. */
import { failure } from '../../domain/failures.js';
import { newId } from '../../domain/ids.js';
import type { FileRecord } from '../../domain/ports/file-store.js';
import type { Logger } from '../../domain/ports/logger.js';
import type { EgressRequest, EgressResponse, ToolContext } from '../../domain/ports/tool-runtime.js';

export interface MemoryFile {
  readonly filename: string;
  readonly mimeType: string;
  readonly content: Uint8Array;
}
export interface SavedFile extends MemoryFile {
  readonly record: FileRecord;
}

export interface MemoryContextOptions extends Partial<ToolContext> {
  /** Files of the conversation. */
  readonly inputs?: readonly MemoryFile[];
  /** Whole results of earlier calls by item id. */
  readonly earlierResults?: Readonly<Record<string, string>>;
  /** Answers instead of the network; without it every request fails as unreachable. */
  readonly respond?: (url: string, request: EgressRequest) => EgressResponse | Promise<EgressResponse>;
}

export interface MemoryContext {
  readonly context: ToolContext;
  readonly saved: readonly SavedFile[];
  readonly progress: readonly { readonly title: string; readonly content: string | undefined }[];
  readonly requests: readonly { readonly url: string; readonly request: EgressRequest }[];
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

async function sha256(content: Uint8Array): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', new Uint8Array(content));
  return Buffer.from(digest).toString('hex');
}

export function createMemoryContext(options: MemoryContextOptions = {}): MemoryContext {
  const { inputs = [], earlierResults = {}, respond, ...overrides } = options;
  const files = inputs.map((file) => ({ ...file, id: newId('file') }));
  const saved: SavedFile[] = [];
  const progress: { title: string; content: string | undefined }[] = [];
  const requests: { url: string; request: EgressRequest }[] = [];
  const context: ToolContext = {
    signal: new AbortController().signal,
    scope: { tenantId: 'default', principalId: 'tester', scopes: ['read', 'write'] },
    turnId: newId('response'),
    conversationId: newId('conversation'),
    idempotencyKey: 'test-key',
    progress: (title, content) => void progress.push({ title, content }),
    files: {
      list: () =>
        Promise.resolve(
          files.map(({ id, filename, mimeType, content }) => ({ id, filename, mimeType, bytes: content.byteLength })),
        ),
      read: (id) => {
        const file = files.find((candidate) => candidate.id === id);
        return file === undefined
          ? Promise.reject(failure('file.not-found', `There is no file ${id}`))
          : Promise.resolve(file.content);
      },
      save: async (file) => {
        const record: FileRecord = {
          id: newId('file'),
          filename: file.filename,
          mimeType: file.mimeType,
          bytes: file.content.byteLength,
          sha256: await sha256(file.content),
          purpose: 'assistant_output',
          createdAtMs: Date.now(),
        };
        saved.push({ ...file, record });
        return record;
      },
    },
    egress: {
      fetch: async (url, request) => {
        requests.push({ url, request });
        if (request.signal.aborted) throw failure('turn.cancelled', 'cancelled');
        if (respond === undefined)
          throw failure('egress.unreachable', `${url} cannot be reached: this context has no network`);
        return respond(url, request);
      },
    },
    results: {
      read: (itemId) =>
        Promise.resolve(Object.hasOwn(earlierResults, itemId) ? (earlierResults[itemId] ?? null) : null),
    },
    log: silent,
    ...overrides,
  };
  return { context, saved, progress, requests };
}
