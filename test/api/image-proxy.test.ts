/** Proves that the image proxy fetches only what this server signed, gives out only images, and lets nothing else through. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImageLinks } from '../../adapters/secrets/image-links.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import { failure } from '../../domain/failures.js';
import type { EgressResponse } from '../../domain/ports/tool-runtime.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const links = createImageLinks([toMasterKey(new Uint8Array(32).fill(7))]);
const fetched: string[] = [];
const REMOTE: Readonly<Record<string, Partial<EgressResponse>>> = {
  'https://x.example/ok.png': { body: PNG, headers: { 'content-type': 'text/html', 'set-cookie': 'a=b' } },
  'https://x.example/page.png': {
    body: Buffer.from('<script>alert(1)</script>'),
    headers: { 'content-type': 'image/png' },
  },
  'https://x.example/drawing.svg': {
    body: Buffer.from('<svg onload="alert(1)"/>'),
    headers: { 'content-type': 'image/svg+xml' },
  },
  'https://x.example/gone.png': { status: 404, body: PNG },
};

let api: ApiFixture;
beforeAll(async () => {
  const egress = {
    fetch: async (url: string): Promise<EgressResponse> => {
      fetched.push(url);
      const answer = REMOTE[url];
      if (answer === undefined) throw failure('egress.blocked', 'private');
      return { status: 200, headers: {}, body: PNG, url, ...answer };
    },
  };
  api = await startApi({ images: { links, egress } });
});
afterAll(() => api.close());

const get = (path: string): Promise<Response> => fetch(api.url + path, { redirect: 'manual' });
const linkTo = (url: string): string => links.link('default', url) ?? '';

describe('image proxy', () => {
  it('a link of ours, without a key: the bytes as what they are, not as what they say, and nothing that runs', async () => {
    const answer = await get(linkTo('https://x.example/ok.png'));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(PNG);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect(answer.headers.get('set-cookie')).toBeNull();
  });

  it.each([
    ['a page that calls itself an image', 'https://x.example/page.png', 502],
    ['a drawing with scripts', 'https://x.example/drawing.svg', 502],
    ['an error', 'https://x.example/gone.png', 502],
    ['an address the gate refuses', 'http://127.0.0.1/', 403],
  ])('%s -> no bytes of it', async (_, url, status) => {
    const answer = await get(linkTo(url));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/json');
  });

  it.each([
    ['another address', (link: string) => link.replace('ok.png', 'page.png')],
    ['another tenant', (link: string) => link.replace('tenant=default', 'tenant=other')],
    ['another signature', (link: string) => link.replace(/signature=../, 'signature=AA')],
    ['no signature', (link: string) => link.replace(/&signature=.*/, '&signature=x')],
  ])('%s -> 403, and nothing is fetched', async (_, change) => {
    const before = fetched.length;
    expect((await get(change(linkTo('https://x.example/ok.png')))).status).toBe(403);
    expect(fetched).toHaveLength(before);
  });

  it('a query that is not a link -> 400', async () => {
    expect((await get('/v1/images/proxy?url=https://x.example/ok.png')).status).toBe(400);
    expect((await get(`${linkTo('https://x.example/ok.png')}&more=1`)).status).toBe(400);
  });
});
