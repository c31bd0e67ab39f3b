/** Files and images of the conversation -> parts a model takes. Fetches what is given by URL once and keeps it. */
import { failure } from '../domain/failures.js';
import type { InputContent, InputFile, Item } from '../domain/item.js';
import type { UserPart } from '../domain/ports/model.js';
import type { StepContext, TurnStore } from '../domain/ports/turn-store.js';
import { ownerScope } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import type { StoredItem } from '../domain/turn.js';
import type { ActivityDeps } from './activity-deps.js';
import type { PartResolver } from './message-builder.js';

const MAX_FETCHED_BYTES = 20 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 30_000;
/** Text files stand in the prompt; longer ones are cut there and stay whole for the `python` tool. */
const MAX_INLINE_CHARS = 100_000;
const TEXT_TYPES = /^(text\/|application\/(json|xml|yaml|x-yaml|csv|javascript|sql|toml|x-ndjson))/;

interface FilesDeps extends Pick<ActivityDeps, 'files' | 'egress' | 'turns'> {
  /** The attempt that prepares the input: what it finds out is written down in its name. */
  readonly by: Parameters<TurnStore['replaceItem']>[3];
}

/** Loads everything the path refers to, so that building messages needs no waiting. */
export async function createPartResolver(
  deps: FilesDeps,
  context: StepContext,
  signal: AbortSignal,
): Promise<PartResolver> {
  const loaded = new Map<InputContent, UserPart>();
  // A file id of the path may have been written by anyone (imports): it names a file of the turn's owner, or none.
  const owner = ownerScope(context.turn);
  for (const stored of context.path) {
    for (const part of mediaParts(stored.item)) {
      loaded.set(part, await loadPart(deps, owner, stored, part, signal));
    }
  }
  return (part) =>
    part.type === 'input_text' ? { type: 'text', text: part.text } : (loaded.get(part) ?? missing(part));
}

function mediaParts(item: Item): InputContent[] {
  if (item.type !== 'message' || item.role === 'assistant') return [];
  return item.content.filter((part) => part.type !== 'input_text');
}

function missing(part: InputContent): UserPart {
  return { type: 'text', text: `[${part.type} could not be loaded]` };
}

async function loadPart(
  deps: FilesDeps,
  scope: Scope,
  stored: StoredItem,
  part: InputContent,
  signal: AbortSignal,
): Promise<UserPart> {
  if (part.type === 'input_text') return { type: 'text', text: part.text };
  if (part.type === 'input_image') {
    // A public image URL is the provider's to fetch: it never passes through this server.
    if (typeof part.image_url === 'string') return { type: 'image', url: part.image_url, detail: part.detail };
    const file = await readFile(deps, scope, part.file_id ?? '');
    return { type: 'image', url: toDataUrl(file.mimeType, file.content), detail: part.detail };
  }
  const id = part.file_id ?? (await fetchOnce(deps, scope, stored, part, signal));
  const file = await readFile(deps, scope, id);
  return toFilePart(file);
}

interface LoadedFile {
  readonly filename: string;
  readonly mimeType: string;
  readonly content: Uint8Array;
}

async function readFile(deps: FilesDeps, scope: Scope, id: string): Promise<LoadedFile> {
  const record = await deps.files.get(scope, id);
  if (record === null) {
    throw failure('file.not-found', `The file ${id} of the conversation no longer exists; send it again.`);
  }
  return { filename: record.filename, mimeType: record.mimeType, content: await deps.files.read(scope, id) };
}

function toFilePart(file: LoadedFile): UserPart {
  if (file.mimeType.startsWith('image/')) {
    return { type: 'image', url: toDataUrl(file.mimeType, file.content), detail: 'auto' };
  }
  if (!TEXT_TYPES.test(file.mimeType)) {
    return { type: 'file', filename: file.filename, dataUrl: toDataUrl(file.mimeType, file.content) };
  }
  const text = new TextDecoder('utf-8').decode(file.content);
  const shown =
    text.length > MAX_INLINE_CHARS
      ? `${text.slice(0, MAX_INLINE_CHARS)}\n[cut: ${text.length} characters in all]`
      : text;
  return { type: 'text', text: `File ${JSON.stringify(file.filename)}:\n${shown}` };
}

function toDataUrl(mimeType: string, content: Uint8Array): string {
  return `data:${mimeType};base64,${Buffer.from(content).toString('base64')}`;
}

/** Fetches a `file_url`, stores the bytes and puts the file's id into the stored item, so that it happens once. */
async function fetchOnce(
  deps: FilesDeps,
  scope: Scope,
  stored: StoredItem,
  part: InputFile,
  signal: AbortSignal,
): Promise<string> {
  if (part.file_url === undefined) {
    throw failure('request.invalid', 'An input_file needs one of file_id, file_url or file_data.');
  }
  const response = await deps.egress.fetch(part.file_url, {
    maxBytes: MAX_FETCHED_BYTES,
    timeoutMs: FETCH_TIMEOUT_MS,
    signal,
  });
  if (response.status >= 400) {
    throw failure(
      'egress.http-error',
      `The file URL answered ${response.status}; check that it can be read without a login.`,
    );
  }
  const filename = part.filename ?? nameFromUrl(response.url);
  const mimeType = (response.headers['content-type'] ?? 'application/octet-stream').split(';')[0]?.trim() ?? '';
  const record = await deps.files.put(scope, { filename, mimeType, purpose: 'user_data', content: response.body });
  await rememberFile(deps, scope, stored, part, record.id, filename);
  return record.id;
}

function nameFromUrl(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  return last === '' ? 'download' : last;
}

async function rememberFile(
  deps: FilesDeps,
  scope: Scope,
  stored: StoredItem,
  part: InputFile,
  fileId: string,
  filename: string,
): Promise<void> {
  const { item } = stored;
  if (item.type !== 'message' || item.role === 'assistant') return;
  const content = item.content.map((each) => (each === part ? { ...part, file_id: fileId, filename } : each));
  const { turnId, step, index } = stored;
  await deps.turns.replaceItem(scope, { turnId, step, index }, { ...item, content }, deps.by);
}
