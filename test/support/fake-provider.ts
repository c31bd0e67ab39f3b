/**
 * A model provider that does as it is told, over real HTTP: POST /v1/chat/completions and /v1/responses (streamed and plain),
 * the Azure and DIAL paths (`/openai/deployments/<name>/chat/completions`, `/openai/responses`) and GET /v1/models.
 *
 *   const provider = await startFakeProvider();
 *   provider.queue(answerText('hello'), errorReply(429, 'slow down', { 'retry-after': '7' }));  // one per model request, in order
 *   provider.respond((request) => answerText(`${request.index}`));                              // once the queue is empty
 *   … base_url: provider.baseUrl …
 *   const first = await provider.waitForRequest(1);       // first.body, first.headers, first.path
 *   const { by } = await first.closed;                    // 'client' when the caller closed the socket before the end
 *   await provider.close();
 *
 * Without a script it answers "You said: <last user text>". With no delays a streamed answer is one write. Replies are made
 * with `answer`, `answerText`, `callTools`, `errorReply`, `rawEvents`, `hang` of fake-provider-script.ts; they can break off
 * (`cut`), stand still (`stall`) or end early in good order (`endAt`) at a named place. In another process
 * (fake-provider-main.ts) the same is done over HTTP: POST /_script takes `{"replies": […]}`, GET /_requests lists what came.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chatFrames, chatObject } from './fake-provider-chat.js';
import { responsesFrames, responsesObject } from './fake-provider-responses.js';
import { answerText } from './fake-provider-script.js';
import type { FakeAnswer, FakeReply } from './fake-provider-script.js';
import { writeFrames, writeRaw } from './fake-provider-writer.js';

export interface FakeClose {
  /** `client`: the caller closed the socket before the answer was over. */
  readonly by: 'client' | 'server';
  readonly atMs: number;
}

export interface FakeRequest {
  /** 1 for the first model request. */
  readonly index: number;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly wire: 'chat' | 'responses';
  readonly headers: IncomingHttpHeaders;
  /** Parsed; tests look into it as they like. */
  readonly body: FakeBody;
  readonly atMs: number;
  /** The caller's port: requests with the same one came over the same connection. */
  readonly remotePort: number;
  readonly closed: Promise<FakeClose>;
}

export interface FakeBody {
  readonly model?: string;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
  readonly input?: unknown;
  readonly tools?: readonly unknown[];
  readonly [field: string]: unknown;
}

export interface FakeProvider {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `<url>/v1` */
  readonly baseUrl: string;
  /** Model requests in order of arrival. */
  readonly requests: readonly FakeRequest[];
  queue(...replies: readonly FakeReply[]): void;
  respond(reply: (request: FakeRequest) => FakeReply): void;
  /** What GET /v1/models lists. */
  setModels(models: readonly (string | { readonly id: string })[]): void;
  /** Resolves when the n-th model request (from 1) has come. */
  waitForRequest(n: number): Promise<FakeRequest>;
  close(): Promise<void>;
}

export interface FakeProviderOptions {
  readonly port?: number;
  readonly models?: readonly (string | { readonly id: string })[];
  readonly respond?: (request: FakeRequest) => FakeReply;
}

interface State {
  readonly requests: FakeRequest[];
  readonly queue: FakeReply[];
  readonly waiting: Map<number, ((request: FakeRequest) => void)[]>;
  respond: (request: FakeRequest) => FakeReply;
  models: readonly (string | { readonly id: string })[];
}

const MODEL_PATHS: readonly (readonly [RegExp, FakeRequest['wire']])[] = [
  [/^\/v1\/chat\/completions$/, 'chat'],
  [/^\/openai\/(?:v1|deployments\/[^/]+)\/chat\/completions$/, 'chat'],
  [/^(?:\/v1|\/openai|\/openai\/v1)\/responses$/, 'responses'],
];

export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const state: State = {
    requests: [],
    queue: [],
    waiting: new Map(),
    respond: options.respond ?? echo,
    models: options.models ?? ['fake-model'],
  };
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    handle(state, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  server.on('connection', (socket) => socket.setNoDelay(true));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    port,
    url,
    baseUrl: `${url}/v1`,
    requests: state.requests,
    queue: (...replies) => void state.queue.push(...replies),
    respond: (reply) => void (state.respond = reply),
    setModels: (models) => void (state.models = models),
    waitForRequest: (n) => waitFor(state, n),
    close: () => closeServer(server),
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function waitFor(state: State, n: number): Promise<FakeRequest> {
  const known = state.requests[n - 1];
  if (known !== undefined) return known;
  return new Promise((resolve) => state.waiting.set(n, [...(state.waiting.get(n) ?? []), resolve]));
}

async function handle(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/';
  const bare = path.split('?')[0] ?? path;
  const text = await readText(request);
  const wire = request.method === 'POST' ? MODEL_PATHS.find(([pattern]) => pattern.test(bare))?.[1] : undefined;
  if (wire === undefined) {
    handleOther(state, bare, text, response);
    return;
  }
  const record = register(state, request, response, { path, wire, body: JSON.parse(text) as FakeBody });
  await send(state.queue.shift() ?? state.respond(record), record, text.length, response);
}

function handleOther(state: State, path: string, text: string, response: ServerResponse): void {
  if (path.endsWith('/models')) {
    sendJson(response, 200, modelList(state));
  } else if (path === '/_script') {
    takeScript(state, text, response);
  } else if (path === '/_requests') {
    const seen = state.requests.map(({ closed, ...rest }) => rest);
    sendJson(response, 200, seen);
  } else {
    sendJson(response, 404, { error: { message: `no such path: ${path}`, type: 'invalid_request_error', code: null } });
  }
}

function register(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  seen: Pick<FakeRequest, 'path' | 'wire' | 'body'>,
): FakeRequest {
  const closed = new Promise<FakeClose>((resolve) => {
    response.once('close', () => resolve({ by: response.writableEnded ? 'server' : 'client', atMs: Date.now() }));
  });
  const { method = 'POST', headers } = request;
  const remotePort = request.socket.remotePort ?? 0;
  const record: FakeRequest = {
    index: state.requests.length + 1,
    method,
    headers,
    atMs: Date.now(),
    remotePort,
    closed,
    ...seen,
  };
  state.requests.push(record);
  for (const resolve of state.waiting.get(record.index) ?? []) resolve(record);
  state.waiting.delete(record.index);
  return record;
}

async function send(
  reply: FakeReply,
  request: FakeRequest,
  bodyChars: number,
  response: ServerResponse,
): Promise<void> {
  switch (reply.kind) {
    case 'hang':
      return;
    case 'error': {
      const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {});
      const type = typeof reply.body === 'string' ? 'text/plain' : 'application/json';
      response.writeHead(reply.status, { 'content-type': type, ...reply.headers }).end(text);
      return;
    }
    case 'raw':
      return writeRaw(response, reply);
    case 'answer':
      return sendAnswer(reply, request, bodyChars, response);
  }
}

async function sendAnswer(
  reply: FakeAnswer,
  { body, wire, index }: FakeRequest,
  bodyChars: number,
  response: ServerResponse,
): Promise<void> {
  const includeUsage = body.stream_options?.include_usage === true;
  const asked = { model: body.model ?? 'fake-model', includeUsage, bodyChars, number: index };
  if (body.stream === true) {
    const frames = wire === 'chat' ? chatFrames(reply, asked) : responsesFrames(reply, asked);
    return writeFrames(response, frames, reply);
  }
  sendJson(response, 200, wire === 'chat' ? chatObject(reply, asked) : responsesObject(reply, asked));
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function takeScript(state: State, text: string, response: ServerResponse): void {
  const { replies } = JSON.parse(text) as { readonly replies: readonly FakeReply[] };
  state.queue.push(...replies);
  sendJson(response, 200, { queued: state.queue.length });
}

function modelList(state: State): object {
  const data = state.models.map((model) => {
    const fields = typeof model === 'string' ? { id: model } : model;
    return { object: 'model', created: 1_760_000_000, owned_by: 'fake', ...fields };
  });
  return { object: 'list', data };
}

/** What a provider without a script says. */
function echo({ body }: FakeRequest): FakeReply {
  const turns =
    body.messages ??
    (Array.isArray(body.input) ? (body.input as readonly unknown[]) : [{ role: 'user', content: body.input }]);
  const users = (turns as readonly { role?: string; content?: unknown }[]).filter((turn) => turn.role === 'user');
  return answerText(`You said: ${plainText(users.at(-1)?.content)}`);
}

function plainText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as readonly { text?: string }[]).map((part) => part.text ?? '').join('');
}
