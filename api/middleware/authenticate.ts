/** API keys: `Authorization: Bearer`, `x-api-key` or `api-key`. A wrong, an expired and a revoked key look the same. */
import { createHash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '../../domain/failures.js';
import type { ApiKey, ApiKeyStore } from '../../domain/ports/api-key-store.js';
import type { KeyScope } from '../../domain/scope.js';
import { contextOf } from '../request-context.js';
import { readProviderKey } from '../provider-key.js';
import type { Caller } from '../request-context.js';

/** A revoked key opens nothing new after this time; it saves a query per request. */
const CACHE_TTL_MS = 4_000;
/** What an open answer is told about its key is at most this old: a thousand streams of one key ask once. */
const SHARED_MS = 1_500;
const CACHE_KEYS = 5_000;
/**
 * Guesses per address and minute; more are told to slow down. Keys are 256 random bits: no bound is needed against guessing them, and one
 * that looked at the address before the key would lock out whoever shares it, so a right key is never counted here.
 */
const FAILED_PER_MINUTE = 120;
const KEY_FORM = /^[\x21-\x7e]{16,256}$/;

/** Keys are looked up by hash: the comparison never touches the key itself, so its timing says nothing about it. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex');
}

function sentKey(req: Request): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(req.header('authorization') ?? '')?.[1];
  return bearer ?? req.header('x-api-key') ?? req.header('api-key') ?? null;
}

const isLive = (key: ApiKey | null, nowMs: number): key is ApiKey =>
  key !== null && key.revokedAtMs === null && (key.expiresAtMs === null || key.expiresAtMs > nowMs);

interface KeyLookup {
  /** At most `CACHE_TTL_MS` old. */
  find(hash: string): Promise<ApiKey | null>;
  /** At most `SHARED_MS` old. */
  recheck(hash: string): Promise<ApiKey | null>;
}

interface FoundKey {
  readonly key: ApiKey;
  readonly atMs: number;
}

/** Found keys, by hash, for a few seconds. Unknown keys are not kept: they would push the known ones out. */
function createKeyLookup(store: ApiKeyStore): KeyLookup {
  const cache = new LRUCache<string, FoundKey>({ max: CACHE_KEYS, ttl: CACHE_TTL_MS });
  const asking = new Map<string, Promise<ApiKey | null>>();
  const ask = async (hash: string): Promise<ApiKey | null> => {
    const atMs = Date.now();
    const key = await store.findByHash(hash);
    if (!isLive(key, Date.now())) {
      cache.delete(hash);
      return null;
    }
    cache.set(hash, { key, atMs });
    return key;
  };
  const askOnce = (hash: string): Promise<ApiKey | null> => {
    const running = asking.get(hash);
    if (running !== undefined) return running;
    const answer = ask(hash).finally(() => asking.delete(hash));
    asking.set(hash, answer);
    return answer;
  };
  const notOlder = async (hash: string, maxAgeMs: number): Promise<ApiKey | null> => {
    const found = cache.get(hash);
    const nowMs = Date.now();
    if (found === undefined || nowMs - found.atMs > maxAgeMs) return askOnce(hash);
    return isLive(found.key, nowMs) ? found.key : null;
  };
  return { find: (hash) => notOlder(hash, CACHE_TTL_MS), recheck: (hash) => notOlder(hash, SHARED_MS) };
}

function toCaller(key: ApiKey, hash: string, lookup: KeyLookup): Caller {
  return {
    keyId: key.id,
    scope: { tenantId: key.tenantId, principalId: key.principalId, scopes: key.scopes },
    stillValid: async () => (await lookup.recheck(hash)) !== null,
  };
}

/** A router-wide gate: after it `contextOf(res).caller` is set, or the request has ended with 401 or 429. */
export function createAuthenticate(store: ApiKeyStore): RequestHandler {
  const lookup = createKeyLookup(store);
  const failures = new RateLimiterMemory({ points: FAILED_PER_MINUTE, duration: 60 });
  const refuse = async (req: Request): Promise<never> => {
    await failures.consume(req.ip ?? 'unknown').catch((limited: unknown) => {
      if (!(limited instanceof RateLimiterRes)) throw limited;
      throw failure(
        'request.rate-limited',
        'Too many requests with a wrong API key from this address. Wait, then check the key.',
        {
          retryAfterMs: limited.msBeforeNext,
        },
      );
    });
    throw failure(
      'auth.invalid',
      'The API key is not valid: it is unknown, expired or revoked. Create one with an admin key.',
    );
  };
  return async (req, res, next) => {
    const sent = sentKey(req);
    if (sent === null) {
      throw failure('auth.missing', 'No API key was sent. Send it as `Authorization: Bearer <key>`.');
    }
    const hash = KEY_FORM.test(sent) ? hashApiKey(sent) : null;
    const key = hash === null ? null : await lookup.find(hash);
    if (key === null || hash === null) return refuse(req);
    const context = contextOf(res);
    context.providerKey = readProviderKey(req, sent);
    context.caller = toCaller(key, hash, lookup);
    context.logger = context.logger.child({ tenantId: key.tenantId, principalId: key.principalId, keyId: key.id });
    next();
    return undefined;
  };
}

const IMPLIED: Readonly<Record<KeyScope, readonly KeyScope[]>> = {
  read: ['read', 'write', 'admin'],
  write: ['write', 'admin'],
  admin: ['admin'],
};

/** `admin` may do what `write` may, `write` what `read` may. */
export function requireScope(needed: KeyScope): RequestHandler {
  return (_req, res, next) => {
    const has = contextOf(res).caller?.scope.scopes ?? [];
    if (!IMPLIED[needed].some((scope) => has.includes(scope))) {
      throw failure(
        'auth.forbidden',
        `This API key may not do this: it needs the scope '${needed}' and has ${has.join(', ') || 'none'}.`,
      );
    }
    next();
  };
}
