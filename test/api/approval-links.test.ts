/** Proves approval links over HTTP: who may make one, that opening decides nothing, that one use decides, and what is refused by name. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import { aFakeTool, startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { ASKED_HASH, anAskedApproval } from '../support/asked-approval.js';

const scope: Scope = { tenantId: 'default', principalId: 'tester', scopes: ['read', 'write'] };
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', authorization: '' };
const JSON_ONLY = { accept: 'application/json', authorization: '' };

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi({ tools: [aFakeTool('send_mail')] });
});
afterAll(() => api.close());

const asked = (args?: object, withinMs?: number): Promise<ApprovalRecord> =>
  anAskedApproval(api.deps, scope, args, withinMs);

interface Made {
  readonly id: string;
  readonly url: string;
  readonly expires_at: number;
}
const make = (id: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  api.request('POST', `/v1/approvals/${id}/links`, body, headers);
async function pathTo(approval: ApprovalRecord): Promise<string> {
  const answer = await make(approval.id);
  expect(answer.status, answer.text).toBe(201);
  return new URL((answer.json as unknown as Made).url).pathname;
}
const get = (path: string, headers: Record<string, string> = JSON_ONLY): Promise<Answer> =>
  api.request('GET', path, undefined, headers);
const post = (path: string, body: unknown, headers: Record<string, string> = JSON_ONLY): Promise<Answer> =>
  api.request('POST', path, body, headers);
const postForm = (path: string, fields: string, headers: Record<string, string> = HTML): Promise<Answer> =>
  api.request('POST', path, fields, { ...headers, 'content-type': 'application/x-www-form-urlencoded' });
const now = async (approval: ApprovalRecord): Promise<ApprovalRecord | null> =>
  api.deps.approvals.get(scope, approval.id);

describe('making a link', () => {
  it('201: an address of the server as it was reached, until the deadline of the approval; in the audit trail', async () => {
    const approval = await asked();
    const answer = await make(approval.id, undefined);
    const made = answer.json as unknown as Made;
    expect(answer.status).toBe(201);
    expect(made.url.startsWith(`${api.url}/v1/approval-links/`)).toBe(true);
    expect(made.expires_at).toBe(Math.floor(approval.expiresAtMs / 1000));
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { entries } = await api.deps.audit.list(
      { ...scope, scopes: ['admin'] },
      { after: null, limit: 1, order: 'desc' },
    );
    expect(entries[0]).toMatchObject({
      action: 'approval_link.created',
      principalId: 'tester',
      subject: approval.id,
      details: { link_id: made.id },
    });
    expect(api.lines.map((line) => JSON.stringify(line)).join('\n')).not.toContain(made.url.split('/').at(-1));
  });

  it('expires_in: shorter is kept, longer ends with the approval', async () => {
    const approval = await asked({}, 3_600_000);
    const short = (await make(approval.id, { expires_in: 60 })).json as unknown as Made;
    expect(short.expires_at).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + 60);
    const long = (await make(approval.id, { expires_in: 2_000_000 })).json as unknown as Made;
    expect(long.expires_at).toBe(Math.floor(approval.expiresAtMs / 1000));
  });

  it.each([
    ['expires_in', { expires_in: 0 }],
    ['expires_in', { expires_in: '1d' }],
    ['expires_in', { expires_in: 1e9 }],
    ['forever', { forever: true }],
  ])('400 with the field: %s of %j', async (param, body) => {
    const answer = await make((await asked()).id, body);
    expect([answer.status, answer.json.error.param]).toEqual([400, param]);
  });

  it('404 for another tenant and an unknown id, 403 for a key that may only read, 409 once decided', async () => {
    const approval = await asked();
    const other = { authorization: `Bearer ${await api.newKey(['write'], 'other')}` };
    const reader = { authorization: `Bearer ${await api.newKey(['read'])}` };
    expect((await make(approval.id, {}, other)).json.error.code).toBe('approval.not-found');
    expect((await make('appr_0', {})).json.error.code).toBe('approval.not-found');
    expect((await make(approval.id, {}, reader)).status).toBe(403);
    await api.request('POST', `/v1/approvals/${approval.id}`, { decision: 'deny' });
    expect((await make(approval.id)).json.error.code).toBe('approval.decided');
  });

  it('a public address of the configuration wins; a server without a master key says so', async () => {
    const approval = await asked();
    const { box } = api.deps.links;
    const elsewhere = await startApi({
      ...api.deps,
      links: { box, publicUrl: 'https://agents.example.com/x' },
    });
    const keyless = await startApi({
      ...api.deps,
      links: { box: { ...box, available: false, sign: () => Promise.reject(new Error('x')) }, publicUrl: null },
    });
    const answer = await elsewhere.request('POST', `/v1/approvals/${approval.id}/links`, {}, keyOf(api));
    expect((answer.json as unknown as Made).url).toMatch(/^https:\/\/agents\.example\.com\/x\/v1\/approval-links\//);
    const path = await pathTo(approval);
    expect((await keyless.request('GET', path, undefined, JSON_ONLY)).json.error.code).toBe('approval.link-not-found');
    await Promise.all([elsewhere.close(), keyless.close()]);
  });
});

const keyOf = (fixture: ApiFixture): Record<string, string> => ({ authorization: `Bearer ${fixture.key}` });

describe('opening a link', () => {
  it('a page for browsers, without a key: what is asked, nothing that runs, nothing that is kept', async () => {
    const approval = await asked({ to: '<script>alert(1)</script>\u202e' });
    const answer = await get(await pathTo(approval), HTML);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;<b>U+202E</b>');
    expect(answer.text).not.toContain('<script');
    const headers = Object.fromEntries(answer.headers);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex, nofollow',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      vary: expect.stringContaining('Accept') as string,
    });
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
    );
    for (const hidden of [approval.turnId, approval.id, 'tester']) expect(answer.text).not.toContain(hidden);
  });

  it('JSON for who asks for it', async () => {
    const approval = await asked({ to: 'anna' });
    const answer = await get(await pathTo(approval));
    expect(answer.json).toMatchObject({
      object: 'approval_link',
      status: 'pending',
      agent: 'general',
      tool: 'send_mail',
      arguments: '{\n  "to": "anna"\n}',
      arguments_cut: false,
      arguments_hash: ASKED_HASH,
      because: { code: 'rule' },
    });
    expect(answer.text).not.toContain(approval.turnId);
  });

  it('as often as one likes, by GET and HEAD: decides nothing', async () => {
    const approval = await asked();
    const path = await pathTo(approval);
    for (const query of ['', '?decision=approve', '?decision=deny&reason=x']) {
      expect((await get(path + query, HTML)).status).toBe(200);
      expect((await api.request('HEAD', path + query, undefined, HTML)).status).toBe(200);
    }
    expect((await api.request('PUT', path, undefined, HTML)).status).toBe(405);
    expect((await now(approval))?.status).toBe('pending');
    expect(api.engine.told).not.toContain(approval.id);
  });
});

describe('deciding with a link', () => {
  it('a form: approved by the link, once; the turn is told; afterwards the link is gone', async () => {
    const approval = await asked();
    const path = await pathTo(approval);
    const answer = await postForm(path, 'reason=&decision=approve');
    expect(answer.status, answer.text).toBe(200);
    expect(answer.text).toContain('<h1>Approved');
    const decided = await now(approval);
    expect(decided).toMatchObject({ status: 'approved', origin: 'link', reason: null });
    expect(decided?.decidedBy).toMatch(/^link:alink_\w+$/);
    expect(api.engine.told).toContain(approval.id);
    for (const again of [await postForm(path, 'decision=deny'), await get(path, HTML)]) {
      expect(again.status).toBe(410);
      expect(again.text).toContain('the call is approved already');
    }
    expect((await post(path, { decision: 'deny' })).json.error.code).toBe('approval.link-gone');
    expect((await now(approval))?.status).toBe('approved');
  });

  it('JSON: denied with a reason', async () => {
    const approval = await asked();
    const answer = await post(await pathTo(approval), { decision: 'deny', reason: 'too dear' });
    expect(answer.json).toMatchObject({ object: 'approval_link', status: 'denied' });
    expect(await now(approval)).toMatchObject({ status: 'denied', reason: 'too dear', origin: 'link' });
  });

  it('a decision with a key uses up all links, and one link all the others', async () => {
    const [first, second] = [await asked(), await asked()];
    const [one, other, last] = [await pathTo(first), await pathTo(second), await pathTo(second)];
    await api.request('POST', `/v1/approvals/${first.id}`, { decision: 'approve' });
    expect((await post(one, { decision: 'deny' })).status).toBe(410);
    expect((await post(other, { decision: 'deny' })).status).toBe(200);
    expect((await post(last, { decision: 'approve' })).status).toBe(410);
  });

  it('50 equal ones at once: one decides', async () => {
    const approval = await asked();
    const path = await pathTo(approval);
    const answers = await Promise.all(Array.from({ length: 50 }, () => postForm(path, 'decision=approve')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 49 }, () => 410)]);
  });

  it('arguments too long to show: cannot be approved, however it is sent; can be denied', async () => {
    const approval = await asked({ text: 'x'.repeat(20_000) });
    const path = await pathTo(approval);
    expect((await get(path, HTML)).text).not.toContain('value="approve"');
    for (const answer of [await postForm(path, 'decision=approve'), await post(path, { decision: 'approve' })])
      expect(answer.status).toBe(409);
    expect((await now(approval))?.status).toBe('pending');
    expect((await post(path, { decision: 'deny' })).status).toBe(200);
  });

  it.each<[string, string, string, string | null]>([
    ['no decision', 'reason=x', 'request.invalid', 'decision'],
    ['another decision', 'decision=maybe', 'request.invalid', 'decision'],
    ['two decisions', 'decision=deny&decision=approve', 'request.invalid', 'decision'],
    ['an unknown field', 'decision=approve&arguments=%7B%7D', 'request.invalid', 'arguments'],
    ['a field of prototypes', 'decision=approve&__proto__=x', 'request.invalid', '__proto__'],
    ['a long reason', `decision=deny&reason=${'x'.repeat(4_001)}`, 'request.invalid', 'reason'],
    ['a null character', 'decision=deny&reason=%00', 'request.invalid', 'reason'],
    ['an empty body', '', 'request.invalid', 'decision'],
    ['a body of megabytes', `decision=deny&reason=${'x'.repeat(70_000)}`, 'request.too-large', null],
  ])('%s: refused by name, and it stays open', async (_what, fields, code, param) => {
    const approval = await asked();
    const answer = await postForm(await pathTo(approval), fields, JSON_ONLY);
    expect([answer.json.error.code, answer.json.error.param]).toEqual([code, param]);
    expect((await now(approval))?.status).toBe('pending');
  });

  it.each([
    ['text/plain', 'decision=approve', 415],
    ['multipart/form-data; boundary=x', '--x\r\n\r\n--x--', 415],
    ['application/json', '{"decision":', 400],
    ['application/json', '{"decision":"approve","arguments":{}}', 400],
    ['application/json', '"approve"', 400],
  ])('%s with %s: %i', async (type, body, status) => {
    const approval = await asked();
    const answer = await post(await pathTo(approval), body, { ...JSON_ONLY, 'content-type': type });
    expect(answer.status).toBe(status);
    expect((await now(approval))?.status).toBe('pending');
  });

  it('a browser is told what was wrong on a page', async () => {
    const answer = await postForm(await pathTo(await asked()), 'decision=%3Cb%3E');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
    expect(answer.text).toContain('&#39;decision&#39; is not valid');
  });
});
