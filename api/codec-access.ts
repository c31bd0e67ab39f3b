/** Who may use the codec besides administrators: the Temporal UI and CLI, which show a token of the installation. */
import { timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { OperatorCodec } from '../domain/ports/operator-codec.js';
import { DEFAULT_TENANT } from '../domain/scope.js';
import type { Caller } from './request-context.js';

export interface CodecDeps {
  readonly codec: OperatorCodec;
  /** `TURNSTONE_CODEC_TOKEN`: all tenants; null: there is none. */
  readonly token: string | null;
  /** Stands in the path of the endpoint that the embedded Temporal UI is given: it can send no header. */
  readonly uiToken: string | null;
  /** Where browsers may call from. */
  readonly origins: readonly string[];
}

const TOKEN_CALLERS = ['codec-token', 'temporal-ui'] as const;

/** Payloads of all tenants are for whoever has a token of the installation; an administrator's key is for one tenant. */
export function mayReadAllTenants({ keyId }: Caller): boolean {
  return TOKEN_CALLERS.some((known) => known === keyId);
}

export function bearerCaller(deps: CodecDeps | null, req: Request): Caller | null {
  const sent = /^Bearer +(\S+) *$/i.exec(req.header('authorization') ?? '')?.[1];
  return isSame(deps?.token ?? null, sent) ? toCaller('codec-token') : null;
}

export function pathCaller(deps: CodecDeps | null, req: Request): Caller | null {
  const sent = req.params['token'];
  return isSame(deps?.uiToken ?? null, typeof sent === 'string' ? sent : undefined) ? toCaller('temporal-ui') : null;
}

function isSame(token: string | null, sent: string | undefined): boolean {
  if (token === null || sent === undefined) return false;
  const [left, right] = [Buffer.from(token), Buffer.from(sent)];
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

function toCaller(name: (typeof TOKEN_CALLERS)[number]): Caller {
  return {
    keyId: name,
    scope: { tenantId: DEFAULT_TENANT, principalId: name, scopes: ['admin'] },
    stillValid: async () => true,
  };
}
