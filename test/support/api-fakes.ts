/** The API over fakes of its ports, listening on a free port: stores in memory, the real event log, a scripted engine. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { createSecretBox } from '../../adapters/secrets/secret-box.js';
import { createApp } from '../../api/app.js';
import type { ApiDeps } from '../../api/api-deps.js';
import { createApiKeySecret } from '../../api/api-key-secret.js';
import type { Agent } from '../../domain/agent.js';
import { newId } from '../../domain/ids.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { EventLog } from '../../domain/ports/event-log.js';
import type { Metrics } from '../../domain/ports/metrics.js';
import type { ModelInfo, ModelRegistry } from '../../domain/ports/model.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import type { KeyScope } from '../../domain/scope.js';
import { createInMemoryEffectStore } from './in-memory-effects.js';
import { createInMemoryCredentials } from './in-memory-credentials.js';
import { createInMemoryBudgetStore } from './in-memory-budgets.js';
import {
  createInMemoryConversationStore,
  createInMemoryFileStore,
  createInMemoryUsageStore,
} from './in-memory-stores.js';
import { createInMemoryAuditLog } from './in-memory-audit-log.js';
import { aKeyRing } from './in-memory-tenant-keys.js';
import { createInMemoryAccess } from './in-memory-access.js';
import { createInMemorySteerStore } from './in-memory-stores-pending.js';
import { createInMemoryTurnStore } from './in-memory-stores-turns.js';
import { createInMemoryApprovalStore } from './in-memory-approvals.js';
import { createMemoryTables } from './in-memory-stores-tables.js';
import { createTurnStarter } from '../../activities/turn-starter.js';
import { createScriptedEngine } from './api-fakes-engine.js';
import type { ScriptedEngine } from './api-fakes-engine.js';
import { createRecordingLogger } from './recording-logger.js';
import type { LogLine } from './recording-logger.js';

export interface ApiFixture {
  readonly url: string;
  readonly key: string;
  readonly deps: ApiDeps & { readonly files: ReturnType<typeof createInMemoryFileStore>; readonly events: EventLog };
  readonly engine: ScriptedEngine;
  readonly lines: LogLine[];
  readonly server: Server;
  /** A key with these scopes, of another tenant when named. */
  newKey(scopes: readonly KeyScope[], tenantId?: string): Promise<string>;
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  client(key?: string): OpenAI;
  drain(): void;
  close(): Promise<void>;
}

/** The fields tests look at, of whatever object the API answered with; a test that reads one that is not there fails. */
export interface AnswerBody {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly status: string;
  readonly title: string | null;
  readonly archived: boolean;
  readonly snippet: string;
  readonly previous_response_id: string | null;
  readonly output: readonly { readonly id: string; readonly call_id: string }[];
  readonly data: readonly AnswerBody[];
  readonly last_id: string;
  readonly has_more: boolean;
  readonly error: {
    readonly message: string;
    readonly code: string;
    readonly param: string | null;
    readonly request_id: string;
  };
  readonly turns: readonly {
    readonly turn: { readonly id: string; status: string };
    readonly items: readonly object[];
  }[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: AnswerBody;
}

const MODELS: readonly ModelInfo[] = [
  { name: 'fake/model', provider: 'fake', contextWindow: 100_000, prices: null, demo: false },
  { name: 'demo/script', provider: 'demo', contextWindow: 100_000, prices: null, demo: true },
];

export function createFakeModels(): ModelRegistry {
  return {
    list: () => MODELS,
    resolve(reference) {
      if (reference === 'auto') return ['fake/model'];
      return reference.startsWith('fake/') || MODELS.some((model) => model.name === reference) ? [reference] : null;
    },
    get: () => null,
    health: () => [],
  };
}

export function aFakeTool(name: string, changes: Partial<Tool> = {}): Tool {
  return {
    name,
    description: `does ${name}`,
    parameters: { type: 'object' },
    schemaHash: `hash-of-${name}`,
    effect: 'read',
    approval: 'never',
    egress: false,
    origin: 'derived',
    timeoutMs: 1000,
    attempts: 3,
    itemType: 'turnstone:tool_call',
    resultBudgetChars: 1000,
    invoke: async () => ({ text: 'done' }),
    ...changes,
  };
}

const AGENTS: readonly Agent[] = [
  {
    name: 'general',
    version: 'v1',
    description: 'Helps.',
    model: 'auto',
    instructions: 'Be helpful.',
    tools: ['python', 'read_page'],
    limits: {},
  },
  {
    name: 'writer',
    version: 'v2',
    description: 'Writes.',
    model: 'auto',
    instructions: '',
    tools: [],
    limits: { max_steps: 3 },
  },
];

export const noMetrics: Metrics = {
  requestFinished: () => {},
  streamOpened: () => {},
  streamClosed: () => {},
  turnFinished: () => {},
  firstToken: () => {},
  stepFinished: () => {},
  modelCallFinished: () => {},
  retried: () => {},
  fellBack: () => {},
  toolCallFinished: () => {},
  cancelled: () => {},
  swept: () => {},
  approval: () => {},
};

export async function startApi(changes: Partial<ApiDeps> = {}): Promise<ApiFixture> {
  const tables = createMemoryTables();
  const turns = changes.turns ?? createInMemoryTurnStore(tables);
  const events = changes.events ?? createMemoryEventLog();
  const engine = createScriptedEngine({ turns, events });
  const { logger, lines } = createRecordingLogger();
  const access = createInMemoryAccess(tables);
  const apiKeys = changes.apiKeys ?? access.apiKeys;
  let draining = false;
  const deps = {
    turns,
    steers: createInMemorySteerStore(tables),
    approvals: createInMemoryApprovalStore(tables),
    conversations: createInMemoryConversationStore(tables),
    usage: createInMemoryUsageStore(tables),
    budgets: createInMemoryBudgetStore(tables),
    effects: createInMemoryEffectStore(tables),
    undoEngine: { startUndo: async () => 'started' as const },
    apiKeys,
    directory: access.directory,
    files: createInMemoryFileStore(),
    credentials: createInMemoryCredentials(),
    backups: null,
    engine,
    starter: createTurnStarter({ engine, logger }),
    models: createFakeModels(),
    agents: AGENTS,
    tools: [aFakeTool('python'), aFakeTool('read_page')],
    logger,
    metrics: noMetrics,
    metricsText: { text: async () => 'turnstone_up 1\n', contentType: 'text/plain; version=0.0.4' },
    health: async () => ({ state: 'ok' as const, components: { database: { state: 'ok' as const, latencyMs: 1.5 } } }),
    version: '0.0.0-test',
    bodyLimitBytes: 30_000_000,
    defaultLimits: DEFAULT_LIMITS,
    isDraining: () => draining,
    audit: createInMemoryAuditLog(),
    codec: null,
    keyRing: null,
    links: { box: createSecretBox(aKeyRing()), publicUrl: null },
    ...changes,
    events,
  };
  const newKey = async (scopes: readonly KeyScope[], tenantId = 'default'): Promise<string> => {
    const { key, hash, hint } = createApiKeySecret();
    const owner = { tenantId, principalId: 'tester', scopes: ['admin' as const] };
    await apiKeys.create(owner, {
      id: newId('apiKey'),
      principalId: 'tester',
      name: 'test',
      scopes,
      hint,
      hash,
      expiresAtMs: null,
    });
    return key;
  };
  const key = await newKey(['admin']);
  const server = createServer(createApp(deps as ApiDeps));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = (apiKey: string = key): OpenAI => new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
  return {
    url,
    key,
    deps: deps as ApiFixture['deps'],
    engine,
    lines,
    server,
    newKey,
    client,
    request: (method, path, body, headers = {}) => send(url + path, method, key, body, headers),
    drain() {
      draining = true;
    },
    async close() {
      engine.release();
      await engine.idle();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await events.close();
    },
  };
}

async function send(
  url: string,
  method: string,
  key: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: text }),
  });
  const answer = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  return {
    status: response.status,
    headers: response.headers,
    text: answer,
    json: (isJson ? JSON.parse(answer) : {}) as AnswerBody,
  };
}
