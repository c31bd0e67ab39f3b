/**
 * Approval links on the started product: a turn that waits is escalated, the webhook gets a link, somebody without a key opens it in a
 * browser and presses a button, and the turn goes on. The call is counted outside of the product.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import type { ResponseResource } from '../../domain/response-resource.js';
import { answerText, callTools } from '../support/fake-provider-script.js';
import { answerOf, sharedProduct } from '../support/started-product.js';
import { until } from '../support/until.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const KEY = Buffer.alloc(32, 5);
const BROWSER = '/usr/bin/chromium';
const folder = mkdtempSync(join(tmpdir(), 'turnstone-links-'));
const ledger = join(folder, 'ledger.jsonl');
writeFileSync(ledger, '');
writeFileSync(
  join(folder, 'general.yaml'),
  'name: general\ndescription: Asks.\ntools: [book_room]\napprovals: { effects: { keyed: ask }, escalate_after: 1s }\n',
);
const hooks = await startWebhookReceiver(KEY);
afterAll(async () => {
  await hooks.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Escalated {
  readonly data: {
    readonly response_id: string;
    readonly approval_id: string;
    readonly link: { readonly url: string };
  };
}

describe('approval links', () => {
  const product = sharedProduct({
    env: {
      TURNSTONE_AGENTS_DIR: folder,
      TURNSTONE_TOOL_MODULES: fileURLToPath(new URL('../support/effect-tools.mjs', import.meta.url)),
      EFFECT_LEDGER: ledger,
      TURNSTONE_ESCALATION_WEBHOOK: hooks.url,
      TURNSTONE_ESCALATION_WEBHOOK_SECRET: `whsec_${KEY.toString('base64')}`,
      TURNSTONE_EGRESS_ALLOW: '127.0.0.1',
    },
  });
  const booked = (what: string): number => readFileSync(ledger, 'utf8').split(JSON.stringify(what)).length - 1;

  /** Asks for a room, and waits for the message that nobody has decided. */
  async function escalated(what: string): Promise<Escalated['data']> {
    product().provider.queue(callTools({ name: 'book_room', arguments: { what } }), answerText('done'));
    const { json } = await product().call('POST', '/v1/responses', { model: 'general', input: 'please' });
    const { id } = json as ResponseResource;
    const message = await until(() => hooks.taken.find((body) => body.includes(id)) ?? null, 'the webhook', 30_000);
    expect(message).not.toContain(what);
    return (JSON.parse(message) as Escalated).data;
  }
  const ended = (id: string): Promise<ResponseResource> =>
    until(
      async () => {
        const response = await product().response(id);
        return response.status === 'in_progress' ? null : response;
      },
      `the end of ${id}`,
      30_000,
    );
  const press = (url: string, decision: string): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ decision, reason: '' }),
    });

  it('opened by a scanner, then approved: the call runs once, the turn goes on, the link is used up', async () => {
    const { response_id: id, approval_id: approvalId, link } = await escalated('room 1');
    for (let scans = 0; scans < 5; scans += 1) expect((await fetch(link.url)).status).toBe(200);
    expect((await product().response(id)).turnstone.waiting_for).toBe('approval');
    expect(booked('room 1')).toBe(0);
    const pressed = await Promise.all(Array.from({ length: 20 }, () => press(link.url, 'approve')));
    expect(pressed.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 410)]);
    const response = await ended(id);
    expect([response.status, answerOf(response)]).toEqual(['completed', 'done']);
    expect(booked('room 1')).toBe(1);
    const { json } = await product().call('GET', `/v1/approvals/${approvalId}`);
    expect(json).toMatchObject({ status: 'approved', origin: 'link' });
    expect(product().process.log()).not.toContain(link.url.split('/').at(-1));
  });

  it.skipIf(!existsSync(BROWSER))('in a browser (needs /usr/bin/chromium): seen, and denied with a click', async () => {
    const what = 'room 2 <img src=x onerror=document.title=1> \u202eeerf';
    const { response_id: id, link } = await escalated(what);
    const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage({ viewport: { width: 760, height: 760 } });
      const problems: string[] = [];
      page.on('console', (line) => problems.push(line.text()));
      await page.goto(link.url);
      await page.getByText('room 2 <img src=x').waitFor();
      const shot = process.env['LINK_SCREENSHOT'];
      if (shot !== undefined) await page.screenshot({ path: shot, fullPage: true });
      // The style is allowed by its hash: were it not, the browser would say so.
      expect([await page.title(), problems]).toEqual(['Approve a call?', []]);
      await page.getByLabel('Reason').fill('too expensive');
      await page.getByRole('button', { name: 'Deny' }).click();
      await page.getByRole('heading', { name: 'Denied' }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name: 'used up' }).waitFor();
      expect(problems.filter((line) => !line.includes('410'))).toEqual([]);
    } finally {
      await browser.close();
    }
    expect((await ended(id)).status).toBe('completed');
    expect(JSON.stringify(product().provider.requests.at(-1)?.body.messages)).toContain('too expensive');
    expect(booked(what)).toBe(0);
  });
});
