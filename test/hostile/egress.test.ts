/**
 * Proves that no spelling of an address, no scheme, no name that resolves inwards, no changing DNS answer and no redirect
 * makes the egress gate open a connection to what is not public: a canary on loopback sees zero connections.
 */
import type { LookupAddress } from 'node:dns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEgress } from '../../adapters/egress/egress-gate.js';
import type { Failure } from '../../domain/failures.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import type { TestServer } from '../support/tcp-servers.js';
import { startTestServer } from '../support/tcp-servers.js';
import { countCases } from './case-count.js';
import { INTERNAL_FORMS, LOOPBACK_FORMS, REFUSED_URLS } from './egress-corpus.js';

const canaries: TestServer[] = [];
const { logger } = createRecordingLogger();
const request = () => ({ maxBytes: 10_000, timeoutMs: 5000, signal: new AbortController().signal });

async function refusalOf(fetching: Promise<unknown>): Promise<Failure> {
  return fetching.then(
    () => {
      throw new Error('the request went through');
    },
    (error: unknown) => error as Failure,
  );
}

beforeAll(async () => {
  const canary = await startTestServer((_request, response) => response.end('canary'));
  canaries.push(canary);
  // The same port on IPv6, where the machine has it.
  const twin = await startTestServer((_request, response) => response.end('canary'), {
    host: '::1',
    port: canary.port,
  }).catch(() => null);
  if (twin !== null) canaries.push(twin);
});

afterAll(async () => {
  countCases({
    corpus: 'addresses the egress gate is asked for',
    required: 'no connection',
    payloads: LOOPBACK_FORMS.length + INTERNAL_FORMS.length + REFUSED_URLS.length,
  });
  expect(canaries.map((canary) => canary.connections())).toEqual(canaries.map(() => 0));
  await Promise.all(canaries.map((canary) => canary.close()));
});

const withPort = (form: string): string => form.replaceAll('PORT', String(canaries[0]?.port));

describe('egress gate: hostile addresses', () => {
  it('corpus: holds at least 60 forms of addresses', () => {
    expect(new Set([...LOOPBACK_FORMS, ...INTERNAL_FORMS]).size).toBeGreaterThanOrEqual(100);
  });

  it.each(LOOPBACK_FORMS)('loopback spelled %j -> refused, no connection', async (form) => {
    const refusal = await refusalOf(createEgress({ allow: [], logger }).fetch(withPort(form), request()));
    expect(['egress.blocked', 'request.invalid', 'egress.unreachable']).toContain(refusal.code);
    // Unreachable is right only for names that do not exist: an address that was tried and refused would be a hole.
    if (refusal.code === 'egress.unreachable') expect(refusal.message).toContain('cannot be found');
  });

  it.each(INTERNAL_FORMS)('internal address %j -> egress.blocked', async (form) => {
    const refusal = await refusalOf(createEgress({ allow: [], logger }).fetch(form, request()));
    expect(refusal.code).toBe('egress.blocked');
  });

  it.each(REFUSED_URLS)('%j -> refused before any lookup', async (form) => {
    let lookups = 0;
    const resolveHost = () => {
      lookups += 1;
      return Promise.resolve<LookupAddress[]>([{ address: '127.0.0.1', family: 4 }]);
    };
    const refusal = await refusalOf(createEgress({ allow: [], logger, resolveHost }).fetch(withPort(form), request()));
    expect(['egress.blocked', 'request.invalid']).toContain(refusal.code);
    expect(lookups).toBe(0);
  });
});

describe('egress gate: hostile names', () => {
  const resolvingTo =
    (...addresses: string[]) =>
    () =>
      Promise.resolve<LookupAddress[]>(
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );

  it.each([
    '127.0.0.1',
    '10.0.0.5',
    '169.254.169.254',
    '::1',
    'fd00::5',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '0.0.0.0',
    '100.64.1.1',
  ])('a public name that resolves to %s -> egress.blocked, naming host, reason and remedy', async (address) => {
    const egress = createEgress({ allow: [], logger, resolveHost: resolvingTo(address) });
    const refusal = await refusalOf(egress.fetch(withPort('http://rebind.example:PORT/'), request()));
    expect(refusal.code).toBe('egress.blocked');
    expect(refusal.message).toContain('rebind.example');
    expect(refusal.message).toContain(address);
    expect(refusal.message).toContain('egress.allow');
  });

  it('a name with a public and a private address -> refused as a whole', async () => {
    const egress = createEgress({ allow: [], logger, resolveHost: resolvingTo('93.184.215.14', '127.0.0.1') });
    expect((await refusalOf(egress.fetch(withPort('http://mixed.example:PORT/'), request()))).code).toBe(
      'egress.blocked',
    );
  });

  it('DNS rebinding: a permitted answer first, a forbidden one on the next connection -> the second is refused', async () => {
    let lookups = 0;
    const opened = await startTestServer((_request, response) => {
      // Closing makes the client connect, and look the name up, again.
      response.writeHead(302, { location: '/again', connection: 'close' }).end();
    });
    const resolveHost = () => {
      lookups += 1;
      return Promise.resolve<LookupAddress[]>([{ address: lookups === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
    };
    const egress = createEgress({ allow: [`127.0.0.1:${opened.port}`], logger, resolveHost });
    const refusal = await refusalOf(egress.fetch(`http://rebind.example:${opened.port}/`, request()));
    expect(refusal.code).toBe('egress.blocked');
    expect(refusal.message).toContain('127.0.0.2');
    expect([lookups, opened.connections()]).toEqual([2, 1]);
    await opened.close();
  });
});

describe('egress gate: hostile redirects', () => {
  it.each([
    'http://127.0.0.1:PORT/',
    'http://[::1]:PORT/',
    '//127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://0x7f.1:PORT/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:PORT/',
    'http://u:p@127.0.0.1:PORT/',
    'http://169.254.169.254/',
  ])('an open server redirects to %s -> refused at that hop', async (target) => {
    const opened = await startTestServer((_request, response) =>
      response.writeHead(302, { location: withPort(target) }).end(),
    );
    const egress = createEgress({ allow: [`127.0.0.1:${opened.port}`], logger });
    const refusal = await refusalOf(egress.fetch(`http://127.0.0.1:${opened.port}/`, request()));
    expect(refusal.code).toBe('egress.blocked');
    expect(opened.connections()).toBe(1);
    await opened.close();
  });
});
