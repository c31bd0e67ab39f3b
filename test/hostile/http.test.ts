/**
 * Proves that no body, header, credential, id, number or cursor changes what a request means, makes the server fail or shows what is
 * inside it: every answer is a 4xx of the one shape, the process lives, and nothing global has changed.
 */
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../adapters/logging/create-logger.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { countCases } from './case-count.js';
import { CREDENTIALS, CURSORS, HEADERS, JSON_BODIES, LIMIT_BODIES, RAW_REQUESTS, TEXTS } from './http-corpus.js';

const globals = (): string =>
  [Object.prototype, Array.prototype, Function.prototype].map((each) => Object.getOwnPropertyNames(each).join()).join();
const before = globals();
let api: ApiFixture;

beforeAll(async () => {
  api = await startApi({ rateLimit: { points: 1_000_000, durationSeconds: 60 }, maxStreamsPerKey: 20 });
});
afterAll(() => api.close());
afterEach(async () => {
  expect(globals()).toBe(before);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect((await api.request('GET', '/livez')).status).toBe(200);
});

/** What an answer to an attack must not be: a failure of ours, or one that tells how we are made. */
function complaint({ status, text, json }: Answer, allowed: (status: number) => boolean): string | null {
  if (!allowed(status)) return `status ${status}`;
  if (/node_modules|\bat .*\.ts:\d|SQLSTATE|syntax error at or near/i.test(text)) return `tells: ${text.slice(0, 200)}`;
  if (status >= 400 && (typeof json.error.code !== 'string' || json.error.request_id === ''))
    return 'not the shape of an error';
  return null;
}
const is4xx = (status: number): boolean => status >= 400 && status < 500;
const isNo5xx = (status: number): boolean => status < 500;
const show = (value: unknown): string => JSON.stringify(value).slice(0, 120);

/** Tries all; @returns the complaints. */
async function tryAll<T>(
  payloads: readonly T[],
  send: (payload: T) => Promise<Answer>,
  allowed: (status: number) => boolean,
): Promise<string[]> {
  const complaints: string[] = [];
  for (const payload of payloads) {
    const found = complaint(await send(payload), allowed);
    if (found !== null) complaints.push(`${show(payload)}: ${found}`);
  }
  return complaints;
}
const count = (corpus: string, required: string, payloads: number): void => countCases({ corpus, required, payloads });

describe('bodies', () => {
  it('JSON: malformed, deep, wide, polluting, with fields of others -> 4xx, the process unchanged', async () => {
    const routes = ['/v1/responses', '/v1/chat/completions', '/v1/conversations', '/v1/conversations/import'];
    for (const route of routes) {
      const allowed = route === '/v1/conversations' ? isNo5xx : is4xx;
      const own = JSON_BODIES.filter((body) => route !== '/v1/responses' || !body.includes('"input":"a","input"'));
      expect(await tryAll(own, (body) => api.request('POST', route, body), allowed)).toEqual([]);
    }
    count('JSON bodies', '4xx, nothing polluted, fields of others refused', JSON_BODIES.length * routes.length);
  });

  it('limits: negative, huge, not numbers -> 4xx', async () => {
    expect(await tryAll(LIMIT_BODIES, (body) => api.request('POST', '/v1/responses', body), is4xx)).toEqual([]);
    count('limits and numbers', '4xx', LIMIT_BODIES.length);
  });

  it('content types that are not JSON, multipart among them -> 415', async () => {
    const types = [
      '',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'multipart/form-data; boundary=',
      `multipart/form-data; boundary=${'b'.repeat(5_000)}`,
      'application/xml',
      'application/json\u00a0',
      'application/javascript',
      'text/json',
      'application/json, text/plain',
    ];
    const send = (type: string): Promise<Answer> =>
      api.request('POST', '/v1/responses', '{"input":"a"}', { 'content-type': type });
    const sendable = types.filter((type) => !type.includes('\u00a0'));
    expect(await tryAll(sendable, send, (status) => status === 415)).toEqual([]);
    count('content types', '415', sendable.length);
  });
});

describe('credentials', () => {
  it('none, malformed, of other kinds -> 401, and all of one kind look alike', async () => {
    const messages = new Set<string>();
    const send = async (headers: Readonly<Record<string, string>>): Promise<Answer> => {
      const response = await fetch(`${api.url}/v1/models`, { headers });
      const text = await response.text();
      const json = JSON.parse(text) as Answer['json'];
      messages.add(json.error.message);
      return { status: response.status, headers: response.headers, text, json };
    };
    expect(await tryAll(CREDENTIALS, send, (status) => status === 401)).toEqual([]);
    expect(messages.size).toBe(2);
    count('credentials', '401, no two wrong keys told apart', CREDENTIALS.length);
  });

  it('a known hash, an unknown key and a revoked one: the same words', async () => {
    const { id, key } = (await api.request('POST', '/v1/admin/keys', { name: 'x', scopes: ['read'] })).json;
    expect(key).toMatch(/^ts_/);
    expect((await api.request('DELETE', `/v1/admin/keys/${id}`)).status).toBe(200);
    const says = async (sent: string): Promise<unknown> => {
      const { status, json } = await api.request('GET', '/v1/models', undefined, { authorization: `Bearer ${sent}` });
      return [status, json.error.code, json.error.message];
    };
    expect(await says(key)).toEqual(await says(`ts_${'0'.repeat(64)}`));
  });
});

describe('ids, cursors, searches', () => {
  it('in paths and queries -> never a 5xx, never another meaning', async () => {
    const routes = (text: string): [string, string][] => {
      const id = encodeURIComponent(Buffer.from(text).toString());
      return [
        ['GET', `/v1/responses/${id}`],
        ['POST', `/v1/responses/${id}/cancel`],
        ['GET', `/v1/responses/${id}/input_items`],
        ['GET', `/v1/conversations/${id}`],
        ['DELETE', `/v1/conversations/${id}`],
        ['GET', `/v1/conversations/${id}/items?after=${id}`],
        ['GET', `/v1/conversations?q=${id}`],
        ['GET', `/v1/conversations?after=${id}`],
        ['GET', `/v1/files/${id}`],
        ['GET', `/v1/models/${id}`],
        ['DELETE', `/v1/admin/keys/${id}`],
      ];
    };
    const all = TEXTS.flatMap(routes);
    const send = ([method, path]: [string, string]): Promise<Answer> =>
      api.request(method, path, method === 'POST' ? {} : undefined);
    expect(await tryAll(all, send, isNo5xx)).toEqual([]);
    count('ids, cursors and searches in paths and queries', 'no 5xx, nothing found', all.length);
  });

  it('positions in a stream that nobody was given -> 400', async () => {
    const { id } = (await api.request('POST', '/v1/responses', { input: 'hello' })).json;
    const query = (cursor: string): Promise<Answer> =>
      api.request('GET', `/v1/responses/${id}?stream=true&starting_after=${encodeURIComponent(cursor)}`);
    expect(await tryAll(CURSORS, query, is4xx)).toEqual([]);
    const sendable = CURSORS.filter((cursor) => /^[\x21-\x7e]+$/.test(cursor));
    const header = (cursor: string): Promise<Answer> =>
      api.request('GET', `/v1/responses/${id}?stream=true`, undefined, { 'last-event-id': cursor });
    expect(await tryAll(sendable, header, is4xx)).toEqual([]);
    count('forged stream positions', '400', CURSORS.length + sendable.length);
  });

  it('more streams than a key may hold -> 429, and a place is free again when one ends', async () => {
    const { id } = (await api.request('POST', '/v1/responses', { input: 'wait', background: true })).json;
    const open = (signal: AbortSignal): Promise<Response> =>
      fetch(`${api.url}/v1/responses/${id}?stream=true`, { headers: { authorization: `Bearer ${api.key}` }, signal });
    const leave = new AbortController();
    const answers = await Promise.all(Array.from({ length: 60 }, () => open(leave.signal)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(40);
    leave.abort();
    api.engine.release();
    count('streams of one key at once', '429 beyond the bound', 60);
  });
});

describe('headers', () => {
  it('forged, spoofed, oversized -> ignored or refused, never repeated', async () => {
    const send = async (headers: Readonly<Record<string, string>>): Promise<Answer> => {
      const answer = await api.request('GET', '/v1/models', undefined, headers);
      const echoed = [...answer.headers].filter(
        ([name, value]) => name !== 'x-request-id' && Object.values(headers).includes(value),
      );
      expect(echoed).toEqual([]);
      expect(answer.headers.get('x-request-id') ?? '').toMatch(/^[\w.:/+=-]{1,128}$/);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.text).not.toContain('evil.example');
      return answer;
    };
    expect(await tryAll(HEADERS, send, isNo5xx)).toEqual([]);
    count('headers', 'ignored or cleaned, no origin allowed', HEADERS.length);
  });

  it('file names with line ends, quotes, paths and other scripts -> one header, an attachment, no path', async () => {
    const names = [
      'a"; filename="evil.html',
      'a\r\nset-cookie: a=b',
      '../../etc/passwd',
      '..\\..\\boot.ini',
      'C:\\x',
      '\u202egnp.exe',
      'naïve 🙈.txt',
      '%0d%0aset-cookie: a=b',
      'a;b=c',
      '...',
      '/',
      '\u0000.txt',
      'a'.repeat(255),
    ];
    for (const filename of names) {
      const content = [
        {
          type: 'input_file',
          filename,
          file_data: `data:text/html;base64,${Buffer.from('<script>1</script>').toString('base64')}`,
        },
      ];
      const made = await api.request('POST', '/v1/responses', { input: [{ role: 'user', content }] });
      // A name with a character that no text may hold is refused as a whole.
      if (made.status === 400) continue;
      expect(made.status).toBe(200);
      const items = (await api.request('GET', `/v1/responses/${made.json.id}/input_items`)).text;
      const [fileId = ''] = /file_[0-9a-z]{8,}/.exec(items) ?? [];
      const answer = await api.request('GET', `/v1/files/${fileId}/content`);
      expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename=/);
      expect(answer.headers.get('content-disposition')).not.toMatch(/[\r\n/\\]\w|filename="evil/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    count('file names', 'encoded, attachment, no path', names.length);
  });
});

describe('logs', () => {
  it('line ends, terminal codes and keys in what is logged -> one line each, no key in any', async () => {
    const written: string[] = [];
    const destination = new Writable({
      write(piece: Buffer, _encoding, done) {
        written.push(piece.toString());
        done();
      },
    });
    const logged = await startApi({ logger: createLogger({ level: 'debug', format: 'json', destination }) });
    const canary = `ts_${'c'.repeat(60)}`;
    const tries = ['\n{"level":"error","msg":"forged"}', '\u001b[2J\u001b[31mred', '\r\nforged', canary];
    for (const text of tries) {
      await logged.request('GET', `/v1/responses/${encodeURIComponent(text)}`);
      await logged.request('POST', '/v1/responses', { input: text, model: text });
      await logged.request('GET', '/v1/models', undefined, { 'x-api-key': canary, authorization: `Bearer ${canary}` });
      await logged.request('GET', `/${encodeURIComponent(text)}`);
    }
    await logged.close();
    const all = written.join('');
    expect(all).not.toContain(canary);
    expect(all).not.toContain(logged.key);
    expect(all).not.toContain('\u001b');
    const lines = all.trim().split('\n');
    expect(lines.length).toBeGreaterThan(tries.length * 4);
    for (const line of lines) expect((JSON.parse(line) as { pid?: unknown }).pid).toBe(process.pid);
    count('log forging and keys in logs', 'no key, no line of its own', tries.length * 4);
  });
});

describe('raw sockets', () => {
  /** What comes back, until the server closes or a second has passed. */
  const speak = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const { port } = api.server.address() as AddressInfo;
      const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(text, 'latin1')));
      let answer = '';
      const end = (): void => {
        socket.destroy();
        resolve(answer);
      };
      socket.setTimeout(1_000, end);
      socket.on('data', (piece) => {
        answer += piece.toString('latin1');
        if (/^HTTP\/1\.1 [45]/.test(answer)) end();
      });
      socket.on('error', end);
      socket.on('close', end);
    });

  it('requests that are none, smuggling pairs, endless headers -> 4xx or closed, at most one answer', async () => {
    const answers = await Promise.all(
      RAW_REQUESTS.map(async (text) => ({ text: show(text), answer: await speak(text) })),
    );
    const wrong = answers.filter(({ answer }) => {
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
      return statuses.length > 1 || statuses.some((status) => status >= 500);
    });
    expect(wrong).toEqual([]);
    count('raw requests', '4xx or closed, one answer', RAW_REQUESTS.length);
  });

  it('a body larger than allowed, announced or not -> 413 before it is read', async () => {
    const head = `POST /v1/responses HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n`;
    expect(await speak(`${head}Content-Length: 10737418240\r\n\r\n{`)).toContain(' 413 ');
  });
});
