/** Proves, against a server that checks the signature: what is sent is signed and repeatable, and each way of not taking it is an error of its own. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createEgress } from '../../adapters/egress/egress-gate.js';
import { createStandardWebhook } from '../../adapters/webhooks/standard-webhook.js';
import type { Webhook } from '../../domain/ports/webhook.js';
import { silentLogger } from '../support/silent-logger.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';
import type { WebhookReceiver } from '../support/webhook-receiver.js';

const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString('base64')}`;
const MESSAGE = { id: 'escalated_appr_1', body: { type: 'approval.escalated', data: { tool: 'send_mail — ü' } } };

const open: WebhookReceiver[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function receiver(answer?: (response: ServerResponse) => void): Promise<WebhookReceiver> {
  const server = await startWebhookReceiver(KEY, answer);
  open.push(server);
  return server;
}

const aWebhook = (url: string, changes: { secret?: string; allow?: string[]; timeoutMs?: number } = {}): Webhook =>
  createStandardWebhook({
    url,
    secret: changes.secret ?? SECRET,
    timeoutMs: changes.timeoutMs ?? 5_000,
    egress: createEgress({ allow: changes.allow ?? ['127.0.0.1'], logger: silentLogger }),
  });
const send = (webhook: Webhook, signal: AbortSignal = new AbortController().signal): Promise<void> =>
  webhook.send(MESSAGE, signal);

describe('standard webhook', () => {
  it('a 2xx -> taken; the body as JSON, signed, with the id it was given, also the second time', async () => {
    const server = await receiver((response) => response.writeHead(200).end('thanks'));
    await send(aWebhook(server.url));
    await send(aWebhook(server.url, { secret: KEY.toString('base64') }));
    expect(server.taken.map((body) => JSON.parse(body) as unknown)).toEqual([MESSAGE.body, MESSAGE.body]);
    for (const { method, url, headers } of server.requests()) {
      expect([method, url]).toEqual(['POST', '/hooks/one']);
      expect(headers).toMatchObject({ 'webhook-id': 'escalated_appr_1', 'content-type': 'application/json' });
      expect(headers['webhook-timestamp']).toMatch(/^\d{10}$/);
    }
  });

  it('another secret -> refused by the receiver, told as webhook.failed', async () => {
    const server = await receiver();
    const other = Buffer.alloc(32, 8).toString('base64');
    await expect(send(aWebhook(server.url, { secret: other }))).rejects.toMatchObject({
      code: 'webhook.failed',
      message: expect.stringContaining('401') as string,
    });
  });

  it.each([301, 302, 307, 308])('HTTP %i -> not followed: the link in it is for nobody else', async (status) => {
    const target = await receiver();
    const server = await receiver((response) => response.writeHead(status, { location: target.url }).end());
    await expect(send(aWebhook(server.url))).rejects.toMatchObject({ code: 'egress.blocked' });
    expect(target.connections()).toBe(0);
  });

  it.each([400, 404, 410, 429, 500, 503])('HTTP %i -> webhook.failed, to be tried again', async (status) => {
    const server = await receiver((response) => response.writeHead(status).end());
    await expect(send(aWebhook(server.url))).rejects.toMatchObject({ code: 'webhook.failed' });
  });

  it('no answer -> egress.timeout after the time it has; a cut one -> egress.unreachable', async () => {
    const silent = await receiver(() => undefined);
    await expect(send(aWebhook(silent.url, { timeoutMs: 100 }))).rejects.toMatchObject({ code: 'egress.timeout' });
    const cut = await receiver((response) => response.destroy());
    await expect(send(aWebhook(cut.url))).rejects.toMatchObject({ code: 'egress.unreachable' });
  });

  it('an answer without an end -> not read for ever', async () => {
    const server = await receiver((response) => {
      response.writeHead(200);
      for (let part = 0; part < 4; part += 1) response.write('x'.repeat(64 * 1024));
    });
    await expect(send(aWebhook(server.url))).rejects.toMatchObject({ code: 'egress.too-large' });
  });

  it('a private address nobody trusts -> egress.blocked, no connection', async () => {
    const server = await receiver();
    await expect(send(aWebhook(server.url, { allow: [] }))).rejects.toMatchObject({ code: 'egress.blocked' });
    expect(server.connections()).toBe(0);
  });

  it('nobody listens -> egress.unreachable; stopped while it waits -> turn.cancelled', async () => {
    const gone = await receiver();
    await gone.close();
    await expect(send(aWebhook(gone.url))).rejects.toMatchObject({ code: 'egress.unreachable' });
    const stop = new AbortController();
    const silent = await receiver(() => stop.abort());
    const waiting = send(aWebhook(silent.url), stop.signal);
    await Promise.all([once(stop.signal, 'abort'), expect(waiting).rejects.toMatchObject({ code: 'turn.cancelled' })]);
  });
});
