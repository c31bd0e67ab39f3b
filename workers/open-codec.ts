/** The codec for operators: who may use it, and what the embedded Temporal UI is told about it. */
import { randomBytes } from 'node:crypto';
import type { Config } from '../adapters/config/load-config.js';
import { createOperatorCodec } from '../adapters/temporal/operator-codec.js';
import type { CodecDeps } from '../api/codec-access.js';
import { hasMasterKey } from './open-secrets.js';
import type { Secrets } from './open-secrets.js';

export interface UiCodec {
  readonly token: string;
  /** What the UI is given; it adds `/decode`. */
  readonly endpoint: string;
}

const TOKEN_BYTES = 24;

/**
 * For the embedded Temporal UI, which can send no header: the token stands in the path. It goes to the UI through the server's command
 * line, which users of this machine can read; so can they open the UI itself.
 * @returns null without encryption, with a Temporal of one's own, and when the API's port is not known before it listens.
 */
export function planUiCodec(config: Config): UiCodec | null {
  const { host, port } = config.server;
  if (!hasMasterKey(config) || config.temporal.address !== null || port === 0) return null;
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const shown = reachable.includes(':') ? `[${reachable}]` : reachable;
  return { token, endpoint: `http://${shown}:${port}/codec/ui/${token}` };
}

export function openCodec(
  config: Config,
  secrets: Secrets,
  ui: { readonly codec: UiCodec | null; readonly url: string | null },
): CodecDeps | null {
  if (secrets.payloads === null) return null;
  const embedded = ui.url === null ? [] : [ui.url, ui.url.replace('127.0.0.1', 'localhost')];
  return {
    codec: createOperatorCodec(secrets.payloads),
    token: config.codec.token ?? null,
    uiToken: ui.codec?.token ?? null,
    origins: [...embedded, ...config.codec.ui_origins],
  };
}
