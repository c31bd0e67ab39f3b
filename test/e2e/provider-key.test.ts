/**
 * A provider key sent with the request, as a canary: turns that end in every way, then every store, log, answer and history is
 * searched for it, byte by byte. And the codec that the embedded Temporal UI was given.
 */
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Payload } from '@temporalio/common';
import { findFreePort } from '../../adapters/temporal/local-ports.js';
import { createCanarySearch } from '../support/canary-search.js';
import { openTestPglite } from '../support/database.js';
import { startFakeProvider } from '../support/fake-provider.js';
import type { FakeRequest } from '../support/fake-provider.js';
import { answerText, callTools, errorReply, hang } from '../support/fake-provider-script.js';
import { callCodec } from '../support/remote-codec.js';
import { sharedProduct, TEST_KEY } from '../support/started-product.js';
import type { StartedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { verifies } from './requirements.js';

const CANARY = `sk-kanarienvogel/${crypto.randomUUID()}+Zz9=`;
const LONG = 'a long answer that takes its time. '.repeat(40);
const { inText, inFolder } = createCanarySearch(CANARY);
/** A second provider, on another host as far as keys go: another port. */
const other = await startFakeProvider();
const port = await findFreePort();

const keyOf = (request: FakeRequest): string => request.headers.authorization ?? '';

describe('a provider key sent with the request', () => {
  const shared = sharedProduct({
    env: { LOG_LEVEL: 'debug', PORT: String(port) },
    providers: (
      provider,
    ) => `  - { name: fake, base_url: "${provider.baseUrl}", api_key: secret-of-the-provider, models: [{ name: model }] }
  - { name: other, base_url: "${other.baseUrl}", api_key: secret-of-the-other, models: [{ name: model }] }`,
    config: 'fallbacks: [{ name: chain, models: [fake/model, other/model] }]',
  });

  it('search: the canary itself -> found in each form, so the search can fail', () => {
    const forms = ['as it is', 'as hex', 'as base64', 'as base64url'] as const;
    const written = [
      `before ${CANARY} after`,
      Buffer.from(CANARY).toString('hex'),
      Buffer.from(`"xy${CANARY}"`).toString('base64'),
      Buffer.from(`{"k":"${CANARY}"}`).toString('base64url'),
    ];
    for (const [index, text] of written.entries()) expect(inText('x', text)).toContain(`x: ${forms[index] ?? ''}`);
    expect(inText('x', 'something else')).toEqual([]);
  });

  it(verifies('secrets.ui-codec'), async () => {
    const product = shared();
    product.provider.queue(answerText('fine'));
    const { id } = await post(product, { model: 'fake/model' }, {});
    const ui = product.process.temporalUiUrl;
    const settings = (await (await fetch(`${ui}/api/v1/settings`)).json()) as { Codec: { Endpoint: string } };
    expect(settings.Codec.Endpoint).toMatch(new RegExp(`^http://127.0.0.1:${port}/codec/ui/[\\w-]{32}$`));
    const handle = (await product.temporal()).workflow.getHandle(`turn/default/${String(id)}`);
    const begun = async () => (await handle.fetchHistory().catch(() => null))?.events?.[0] ?? null;
    const event = await until(begun, 'the workflow has begun');
    const [input] = event.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const [plain] = await callCodec(`${settings.Codec.Endpoint}/decode`, '', input === undefined ? [] : [input], {
      origin: ui,
    });
    expect(JSON.parse(Buffer.from(plain?.data ?? []).toString())).toMatchObject({ turnId: id, tenantId: 'default' });
    const audit = (await product.call('GET', '/v1/audit')).json as { data: object[] };
    expect(audit.data).toContainEqual(
      expect.objectContaining({ principal: 'temporal-ui', subject: `turn/default/${String(id)}` }) as object,
    );
  });

  async function post(
    product: StartedProduct,
    body: object,
    headers: Record<string, string>,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${product.apiUrl}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'chain', input: 'hello', ...body }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    expect(inText('an answer', text)).toEqual([]);
    return JSON.parse(text) as Record<string, unknown>;
  }
  const withKey = { 'x-provider-key': CANARY };

  async function endsIn(product: StartedProduct, id: string): Promise<string> {
    return until(
      async () => {
        const { status } = await product.response(id);
        return status === 'in_progress' || status === 'queued' ? null : status;
      },
      'the turn has ended',
      60_000,
    );
  }

  async function runTurns(product: StartedProduct): Promise<string[]> {
    const { provider } = product;
    const ids: string[] = [];
    const begin = provider.requests.length;
    const run = async (
      body: object,
      headers: Record<string, string>,
      status: string,
    ): Promise<Record<string, unknown>> => {
      const response = await post(product, body, headers);
      ids.push(String(response['id']));
      expect(response).toMatchObject({ status });
      return response;
    };
    // Answered; by either header; after a tool call.
    provider.queue(answerText('fine'), answerText('fine'));
    await run({}, withKey, 'completed');
    await run({}, { 'api-key': CANARY }, 'completed');
    provider.queue(callTools({ name: 'read_result', arguments: { id: 'tc_none' } }), answerText('done'));
    await run({}, withKey, 'completed');
    // Refused by a provider that quotes the key, in three ways; the other provider of the chain is not asked.
    provider.queue(errorReply(401, `Incorrect API key provided: ${CANARY}. Find yours at example.com`));
    await run({}, withKey, 'failed');
    provider.queue(
      errorReply(400, {
        detail: [{ headers: { authorization: `Bearer ${CANARY}`, url: encodeURIComponent(CANARY) } }],
      }),
    );
    await run({}, withKey, 'failed');
    provider.respond(() => errorReply(503, `<h1>${Buffer.from(CANARY).toString('base64')}</h1>`));
    await run({}, withKey, 'failed');
    // Sent elsewhere: the key does not go along.
    provider.respond(() => errorReply(307, 'moved', { location: `${other.baseUrl}/chat/completions` }));
    await run({}, withKey, 'failed');
    provider.respond(() => answerText('fine'));
    const asked = provider.requests.slice(begin).map(keyOf);
    expect(asked.length).toBeGreaterThan(ids.length);
    expect(new Set(asked)).toEqual(new Set([`Bearer ${CANARY}`]));
    expect(other.requests).toEqual([]);
    return ids;
  }

  it(verifies('secrets.canary'), async () => {
    let product = shared();
    const { provider } = product;
    const ids = await runTurns(product);

    // Stopped in the middle: searched while it runs, too.
    provider.queue(hang());
    const before = provider.requests.length;
    const waiting = await post(product, { background: true }, withKey);
    await provider.waitForRequest(before + 1);
    // A backup made now holds the key, sealed; it lies in the data folder with everything else.
    for (const kind of ['backup', 'snapshot']) {
      expect(await product.call('POST', '/v1/admin/backups', { kind })).toMatchObject({ status: 201 });
    }
    expect(inFolder(product.dataDir)).toEqual([]);
    // The search looks where it should: what is known to be in a store is found in it.
    const known = createCanarySearch(String(waiting['id'])).inFolder(product.dataDir).join('\n');
    for (const store of ['database/', 'backups/', 'snapshots/']) expect(known).toContain(store);
    expect(createCanarySearch('turn/default/').inFolder(product.dataDir).join('\n')).toContain('temporal.db');
    expect(await inTemporal(product, String(waiting['id']))).toEqual([]);
    await product.call('POST', `/v1/responses/${String(waiting['id'])}/cancel`);
    ids.push(String(waiting['id']));
    expect(await endsIn(product, String(waiting['id']))).toBe('cancelled');

    // Killed in the middle, and started again: the next attempt has the key again.
    provider.queue(answerText(LONG, { chunkSize: 4, delayMs: 100 }), answerText('after the crash'));
    const cut = await post(product, { background: true, stream: false }, withKey);
    ids.push(String(cut['id']));
    const attempts = provider.requests.length;
    await provider.waitForRequest(attempts === before + 1 ? before + 2 : attempts);
    await product.crash();
    expect(inFolder(product.dataDir)).toEqual([]);
    product = await product.startAgain();
    expect(await endsIn(product, String(cut['id']))).toBe('completed');
    expect(provider.requests.slice(before).map(keyOf)).toEqual(
      provider.requests.slice(before).map(() => `Bearer ${CANARY}`),
    );

    // The next turn of the same conversation uses the server's own key again.
    provider.queue(answerText('by ourselves'));
    await post(product, { previous_response_id: ids[0] }, {});
    expect(keyOf(provider.requests.at(-1) as FakeRequest)).toBe('Bearer secret-of-the-provider');

    const found = [
      ...(await inAnswers(product, ids)),
      ...(await inHistories(product, ids)),
      ...inText('the log', product.process.log()),
    ];
    expect([
      ...found,
      ...inText('the first log', shared().process.log()),
      ...inText('the screen', product.process.screen()),
    ]).toEqual([]);
    // Its write-ahead log and the journals of its Temporal server are left as they are.
    await product.crash();
    expect(inFolder(product.dataDir)).toEqual([]);
    expect(await inDump(product.dataDir)).toEqual([]);
    await other.close();
  });

  async function inAnswers(product: StartedProduct, ids: readonly string[]): Promise<string[]> {
    const paths = [
      ...ids.flatMap((id) =>
        ['', '/input_items', '/usage', '?stream=true'].map((rest) => `/v1/responses/${id}${rest}`),
      ),
      ...['/v1/conversations', '/v1/models', '/v1/audit', '/v1/admin/keys', '/metrics', '/healthz', '/openapi.json'],
    ];
    const texts = await Promise.all(
      paths.map(async (path) => {
        const headers = { authorization: `Bearer ${TEST_KEY}` };
        const response = await fetch(`${product.apiUrl}${path}`, { headers, signal: AbortSignal.timeout(30_000) });
        return inText(path, await response.text());
      }),
    );
    return texts.flat();
  }

  async function openedPayloads(product: StartedProduct, holder: unknown): Promise<readonly Payload[]> {
    const payloads: Payload[] = [];
    const collect = (value: unknown): void => {
      if (value === null || typeof value !== 'object') return;
      if ('metadata' in value && 'data' in value) payloads.push(value as Payload);
      for (const inner of Object.values(value)) if (!(inner instanceof Uint8Array)) collect(inner);
    };
    collect(holder);
    return callCodec(`${product.apiUrl}/codec/decode`, TEST_KEY, payloads);
  }

  /** What Temporal shows of a workflow that runs: memo, search attributes, what its activities last said. */
  async function inTemporal(product: StartedProduct, id: string): Promise<string[]> {
    const handle = (await product.temporal()).workflow.getHandle(`turn/default/${id}`);
    const { raw } = await until(() => handle.describe().catch(() => null), 'the workflow runs');
    const plain = await openedPayloads(product, raw);
    expect(plain.length).toBeGreaterThan(0);
    return [JSON.stringify(raw), ...plain.map(({ data }) => Buffer.from(data ?? []).toString('latin1'))].flatMap(
      (text) => inText(`description of ${id}`, text),
    );
  }

  /** As Temporal holds them, and with every payload opened. */
  async function inHistories(product: StartedProduct, ids: readonly string[]): Promise<string[]> {
    const temporal = await product.temporal();
    const found: string[] = [];
    let opened = 0;
    for (const id of ids) {
      const handle = temporal.workflow.getHandle(`turn/default/${id}`);
      const history = await handle.fetchHistory().catch(() => null); // A turn may end before it needs a workflow.
      if (history === null) continue;
      found.push(...inText(`history of ${id}`, JSON.stringify(history)));
      const plain = await openedPayloads(product, history.events);
      opened += plain.length;
      found.push(...plain.flatMap(({ data }) => inText(`opened history of ${id}`, data ?? new Uint8Array())));
    }
    expect(opened).toBeGreaterThan(5);
    return found;
  }

  /** Every row of every table, as text; and no credential is left. */
  async function inDump(dataDir: string): Promise<string[]> {
    const { database, close } = await openTestPglite(join(dataDir, 'database'));
    try {
      const tables = await sql<{ name: string }>`
        select tablename as name from pg_tables where schemaname = current_schema()`.execute(database.owner);
      const dump = await Promise.all(
        tables.rows.map(async ({ name }) => {
          const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(
            database.owner,
          );
          if (name === 'turn_credentials') expect(rows).toEqual([]);
          return `${name}\n${rows.map(({ row }) => row).join('\n')}`;
        }),
      );
      expect(dump.join('\n')).toContain('after the crash');
      return inText('the dump', dump.join('\n'));
    } finally {
      await close();
    }
  }
});
