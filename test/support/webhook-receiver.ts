/** A webhook's other end: it takes only what is signed after Standard Webhooks, and keeps what it took. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { startTestServer } from './tcp-servers.js';
import type { TestServer } from './tcp-servers.js';

export interface WebhookReceiver extends TestServer {
  readonly url: string;
  /** Bodies that were signed. */
  readonly taken: readonly string[];
}

function isSigned(key: Uint8Array, { headers }: IncomingMessage, body: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = headers;
  if (Math.abs(Date.now() / 1000 - Number(at)) > 300) return false;
  const wanted = createHmac('sha256', key)
    .update(`${String(id)}.${String(at)}.${body}`)
    .digest();
  return String(signatures)
    .split(' ')
    .some((each) => {
      const given = Buffer.from(each.replace(/^v1,/, ''), 'base64');
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    });
}

/** 401 for what is not signed with the key, or long ago. */
export async function startWebhookReceiver(
  key: Uint8Array,
  answer: (response: ServerResponse) => void = (response) => response.writeHead(204).end(),
): Promise<WebhookReceiver> {
  const taken: string[] = [];
  const server = await startTestServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8');
      if (!isSigned(key, request, body)) {
        response.writeHead(401).end();
        return;
      }
      taken.push(body);
      answer(response);
    });
  });
  return { ...server, taken, url: `http://127.0.0.1:${server.port}/hooks/one` };
}
