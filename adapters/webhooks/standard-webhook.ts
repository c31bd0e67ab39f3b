/** `Webhook` after https://www.standardwebhooks.com, version 1: three headers, HMAC-SHA-256 over id, time and body. */
import { createHmac } from 'node:crypto';
import { failure } from '../../domain/failures.js';
import type { Egress } from '../../domain/ports/tool-runtime.js';
import type { Webhook, WebhookMessage } from '../../domain/ports/webhook.js';

const TIMEOUT_MS = 10_000;
/** What it answers is not read; more than this is no answer to a webhook. */
const MAX_ANSWER_BYTES = 64 * 1024;

export interface StandardWebhookOptions {
  readonly url: string;
  /** Base64, with or without `whsec_` in front. */
  readonly secret: string;
  /** The gate decides whether the address may be reached. */
  readonly egress: Egress;
  readonly timeoutMs?: number;
  readonly now?: () => number;
}

export function createStandardWebhook(options: StandardWebhookOptions): Webhook {
  const { url, egress, timeoutMs = TIMEOUT_MS, now = Date.now } = options;
  const key = Buffer.from(options.secret.replace(/^whsec_/, ''), 'base64');
  const { host } = new URL(url);
  return {
    async send(message, signal) {
      const body = JSON.stringify(message.body);
      const response = await egress.fetch(url, {
        method: 'POST',
        headers: signedHeaders(key, message, Math.floor(now() / 1000), body),
        body,
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs,
        // Where a redirect leads is nobody the operator named, and what is sent holds a link that decides.
        maxRedirects: 0,
        signal,
      });
      if (response.status >= 200 && response.status < 300) return;
      throw failure(
        'webhook.failed',
        `The webhook at ${host} answered with HTTP ${response.status} in place of a 2xx; it is tried again.`,
      );
    },
  };
}

function signedHeaders(
  key: Uint8Array,
  { id }: WebhookMessage,
  timestamp: number,
  body: string,
): Readonly<Record<string, string>> {
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'user-agent': 'Turnstone/1 (webhook)',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
