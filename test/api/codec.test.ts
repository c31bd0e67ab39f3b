/** Proven: the codec speaks Temporal's protocol, opens what the caller may see and no more, and leaves each decode in the audit trail. */
import { afterEach, describe, expect, it } from 'vitest';
import { createOperatorCodec } from '../../adapters/temporal/operator-codec.js';
import { createPayloadCodec } from '../../adapters/temporal/payload-codec.js';
import type { CodecDeps } from '../../api/codec-access.js';
import type { JsonPayload } from '../../domain/ports/operator-codec.js';
import type { PayloadCipher } from '../../domain/ports/payload-cipher.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';
import { aKeyRing, aPayloadCipher } from '../support/in-memory-tenant-keys.js';

const UI = 'http://127.0.0.1:8233';
const TOKEN = 'a-token-of-the-installation';
const UI_TOKEN = 'a-token-of-the-embedded-ui';
const ring = aKeyRing();
const cipher: PayloadCipher = aPayloadCipher(ring);
const codec: CodecDeps = { codec: createOperatorCodec(cipher), token: TOKEN, uiToken: UI_TOKEN, origins: [UI] };

const open: ApiFixture[] = [];
const start = async (deps: CodecDeps | null = codec): Promise<ApiFixture> => {
  const api = await startApi({ codec: deps, keyRing: deps === null ? null : ring });
  open.push(api);
  return api;
};
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

async function aSealed(workflowId: string, text: string): Promise<JsonPayload> {
  const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(text)) };
  const [sealed] = await createPayloadCodec(cipher).encode([payload], {
    type: 'workflow',
    namespace: 'default',
    workflowId,
  });
  const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
  const metadata = Object.entries(sealed?.metadata ?? {}).map(([key, value]) => [key, base64(value)]);
  return { metadata: Object.fromEntries(metadata) as Record<string, string>, data: base64(sealed?.data) };
}

const textsOf = (json: unknown): string[] =>
  (json as { payloads: JsonPayload[] }).payloads.map(({ data }) => Buffer.from(data ?? '', 'base64').toString());

interface AuditBody {
  readonly data: readonly Record<string, unknown>[];
}
const auditOf = async (api: ApiFixture): Promise<readonly Record<string, unknown>[]> =>
  ((await api.request('GET', '/v1/audit?order=asc')).json as unknown as AuditBody).data;

describe('POST /codec/decode', () => {
  it('admin key -> own payloads in clear, one audit entry per workflow, the chain whole', async () => {
    const api = await start();
    const payloads = [
      await aSealed('conversation/default/conv_1', 'one'),
      await aSealed('conversation/default/conv_1', 'two'),
      await aSealed('turn/default/resp_9', 'three'),
    ];
    const answer = await api.request(
      'POST',
      '/codec/decode',
      { payloads },
      { 'x-namespace': 'default', 'x-request-id': 'req-9' },
    );
    expect(answer.status).toBe(200);
    expect(textsOf(answer.json)).toEqual(['"one"', '"two"', '"three"']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const entries = await auditOf(api);
    expect(entries).toHaveLength(2);
    expect(entries[0]).toMatchObject({
      number: 1,
      principal: 'tester',
      action: 'payloads.decoded',
      subject: 'conversation/default/conv_1',
      details: { namespace: 'default', payloads: 2 },
      request_id: 'req-9',
    });
    expect(entries[1]).toMatchObject({ subject: 'turn/default/resp_9', previous_hash: entries[0]?.['hash'] });
    const check = (await api.request('GET', '/v1/audit/check')).json as unknown as Record<string, unknown>;
    expect(check).toMatchObject({ entries: 2, broken_at: null, last_hash: entries[1]?.['hash'] });
    expect(api.lines.map((line) => JSON.stringify(line)).join()).not.toContain('three');
  });

  it('another tenant’s payloads -> back as they came, in nobody’s trail', async () => {
    const api = await start();
    const sealed = await aSealed('turn/acme/resp_1', 'theirs');
    const answer = await api.request('POST', '/codec/decode', { payloads: [sealed] });
    expect((answer.json as unknown as { payloads: unknown[] }).payloads).toEqual([sealed]);
    expect(await auditOf(api)).toEqual([]);
  });

  it('the installation’s token -> payloads of every tenant, in the trail of each', async () => {
    const api = await start();
    const payloads = [await aSealed('turn/acme/resp_1', 'theirs'), await aSealed('turn/default/resp_1', 'ours')];
    const answer = await api.request('POST', '/codec/decode', { payloads }, { authorization: `Bearer ${TOKEN}` });
    expect(textsOf(answer.json)).toEqual(['"theirs"', '"ours"']);
    expect(await auditOf(api)).toMatchObject([{ principal: 'codec-token', subject: 'turn/default/resp_1' }]);
    const acme = { tenantId: 'acme', principalId: 'x', scopes: [] };
    const { entries } = await api.deps.audit.list(acme, { after: null, limit: 9, order: 'asc' });
    expect(entries).toMatchObject([{ principalId: 'codec-token', subject: 'turn/acme/resp_1' }]);
  });

  it('the embedded UI’s path -> opened, as temporal-ui; a wrong token in the path -> as without a key', async () => {
    const api = await start();
    const body = JSON.stringify({ payloads: [await aSealed('turn/default/resp_1', 'ours')] });
    const post = (token: string): Promise<Response> =>
      fetch(`${api.url}/codec/ui/${token}/decode`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: UI },
        body,
      });
    const good = await post(UI_TOKEN);
    expect(good.headers.get('access-control-allow-origin')).toBe(UI);
    expect(textsOf(await good.json())).toEqual(['"ours"']);
    expect((await post('another-token')).status).toBe(401);
    expect(await auditOf(api)).toMatchObject([{ principal: 'temporal-ui' }]);
    expect(api.lines.map((line) => JSON.stringify(line)).join()).not.toContain(UI_TOKEN);
  });

  it.each([
    ['no key', null, 401],
    ['a wrong token', 'another-token-of-the-installation', 401],
    ['a key without admin', 'write', 403],
  ] as const)('%s -> %s %i, no audit entry', async (_, sent, status) => {
    const api = await start();
    const key = sent === 'write' ? await api.newKey(['write']) : sent;
    const answer = await fetch(`${api.url}/codec/decode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ payloads: [await aSealed('turn/default/resp_1', 'ours')] }),
    });
    expect(answer.status).toBe(status);
    expect(await answer.text()).not.toContain(btoa('"ours"'));
    expect(await auditOf(api)).toEqual([]);
  });

  it('the audit trail cannot be written -> nothing is shown', async () => {
    const api = await startApi({
      codec,
      audit: {
        append: () => Promise.reject(new Error('the disk is full')),
        list: () => Promise.resolve({ entries: [], hasMore: false }),
        verify: () => Promise.reject(new Error('not asked')),
      },
    });
    open.push(api);
    const answer = await api.request('POST', '/codec/decode', {
      payloads: [await aSealed('turn/default/resp_1', 'ours')],
    });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain(btoa('"ours"'));
  });

  it('plain payloads, unknown fields of Temporal, none at all -> answered as they came', async () => {
    const api = await start();
    const plain = { metadata: { encoding: btoa('json/plain') }, data: btoa('1'), externalPayloads: [] };
    const answer = await api.request('POST', '/codec/decode', { payloads: [plain] });
    expect(textsOf(answer.json)).toEqual(['1']);
    expect((await api.request('POST', '/codec/decode', {})).json).toEqual({ payloads: [] });
    expect((await api.request('POST', '/codec/decode', { payloads: [{ data: '<not base64>' }] })).status).toBe(400);
  });

  it('without a master key -> 503 that says so', async () => {
    const api = await start(null);
    expect((await api.request('POST', '/codec/decode', { payloads: [] })).json.error.code).toBe('secrets.unavailable');
    expect((await api.request('POST', '/v1/admin/encryption_keys/rotate')).status).toBe(503);
  });
});

describe('POST /codec/encode', () => {
  it('-> decodes again, is in the trail, and carries the rotated key', async () => {
    const api = await start();
    const { id } = (await api.request('POST', '/v1/admin/encryption_keys/rotate')).json as { id: string };
    const payloads = [{ metadata: { encoding: btoa('json/plain') }, data: btoa('"typed"') }];
    const sealed = (await api.request('POST', '/codec/encode', { payloads })).json as unknown as {
      payloads: JsonPayload[];
    };
    expect(atob(sealed.payloads[0]?.metadata?.['encryption-key-id'] ?? '')).toBe(`default/${id}`);
    expect(textsOf((await api.request('POST', '/codec/decode', sealed)).json)).toEqual(['"typed"']);
    expect((await auditOf(api)).map((entry) => entry['action'])).toEqual([
      'encryption_key.rotated',
      'payloads.encoded',
      'payloads.decoded',
    ]);
  });
});

describe('CORS', () => {
  const preflight = (api: ApiFixture, path: string, origin: string): Promise<Response> =>
    fetch(`${api.url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-namespace',
      },
    });

  it('the UI’s origin -> allowed, without cookies; any other -> nothing', async () => {
    const api = await start();
    const allowed = await preflight(api, '/codec/decode', UI);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(UI);
    expect(allowed.headers.get('access-control-allow-headers')).toContain('X-Namespace');
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    for (const origin of ['http://127.0.0.1:8234', 'https://evil.example', 'null', `${UI}.evil.example`]) {
      const refused = await preflight(api, '/codec/decode', origin);
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
      expect(refused.headers.get('vary')).toContain('Origin');
    }
    expect((await preflight(api, '/v1/responses', UI)).headers.get('access-control-allow-origin')).toBeNull();
  });
});
