/**
 * HTTP to one provider through the `openai` client: retries off (Temporal owns them), nothing taken from the process's
 * environment, redirects not followed (they would take the key along), error bodies bounded.
 */
import OpenAI from 'openai';
import { Agent, fetch as undiciFetch } from 'undici';
import type { ModelRequest } from '../../domain/ports/model.js';
import type { ProviderSettings } from '../../domain/provider.js';
import { toChatBody } from './chat-request.js';
import { endpointOf, keyHeaders } from './provider-endpoint.js';
import { toResponsesBody } from './responses-request.js';
import { byteReader } from './wire-reader.js';

export interface ProviderHttp {
  /** One streamed call. @returns the answer with its body unread. @throws the client's errors, unclassified. */
  post(request: ModelRequest, model: string, signal: AbortSignal): Promise<Response>;
}

/** Enough for any error a vendor writes; the rest of a longer body is not read. */
const MAX_ERROR_BYTES = 64 * 1024;
/** A name that resolves to a silent address should not use up the whole first-byte time. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The client's own timer is only a net under ours, which says what it waited for. */
const TIMER_MARGIN_MS = 5_000;
const STATUS_WITHOUT_BODY = new Set([204, 205, 304]);

/** Connections are kept and shared by all providers; timeouts of the body are the caller's, per provider. */
const connections = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: CONNECT_TIMEOUT_MS } });

/** @param settings of one provider; validated by `providerSchema`. */
export function createProviderHttp(settings: ProviderSettings): ProviderHttp {
  // Each of these is spelled out because the client would otherwise read it from OPENAI_* variables and send it to
  // providers it was not meant for.
  const client = new OpenAI({
    apiKey: settings.api_key ?? 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: settings.base_url,
    logLevel: 'off',
    maxRetries: 0,
    timeout: settings.first_byte_timeout_ms + TIMER_MARGIN_MS,
    fetch: boundedFetch,
    defaultHeaders: { ...keyHeaders(settings), ...settings.headers },
  });
  return {
    async post(request, model, signal) {
      const { baseUrl, path, query } = endpointOf(settings, model);
      const body =
        settings.wire === 'responses'
          ? toResponsesBody(request, model, settings)
          : toChatBody(request, model, settings);
      const headers = { Accept: 'text/event-stream, application/json' };
      return client.post(`${baseUrl}${path}`, { body, query, headers, signal, stream: true }).asResponse();
    },
  };
}

async function boundedFetch(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  // undici's own fetch and Node's are the same code in two versions, with types of their own.
  const options = { ...init, redirect: 'manual', dispatcher: connections } as Parameters<typeof undiciFetch>[1];
  const response = (await undiciFetch(url as string, options)) as unknown as Response;
  if (response.ok) return response;
  const text = STATUS_WITHOUT_BODY.has(response.status) ? null : await readBounded(response, MAX_ERROR_BYTES);
  return new Response(text, { status: response.status, headers: [...response.headers.entries()] });
}

/** The first `maxBytes` of a body as text; the rest is given up with its connection. */
async function readBounded(response: Response, maxBytes: number): Promise<string> {
  const reader = byteReader(response);
  if (reader === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; bytes < maxBytes;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return text;
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}
