/** Proves which addresses links and webhooks may have, and that a webhook without a secret, or a secret in a message, cannot happen. */
import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../adapters/config/describe-config.js';
import type { Config } from '../../adapters/config/load-config.js';
import { loadConfig } from '../../adapters/config/load-config.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const SECRET = `whsec_${'b'.repeat(32)}`;
const load = (env: Record<string, string>): Config => loadConfig(env, { cwd: temporaryFolder() });

describe('TURNSTONE_PUBLIC_URL', () => {
  it.each([
    ['https://agents.example.com', 'https://agents.example.com'],
    ['https://agents.example.com/', 'https://agents.example.com'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['https://Example.com/agents/', 'https://example.com/agents'],
  ])('%s -> %s', (text, url) => {
    expect(load({ TURNSTONE_PUBLIC_URL: text }).server.public_url).toBe(url);
  });

  it.each([
    'agents.example.com',
    '//agents.example.com',
    'ftp://agents.example.com',
    'javascript:alert(1)',
    'https://user:password@agents.example.com',
    'https://agents.example.com/?x=1',
    'https://agents.example.com/?',
    'https://agents.example.com/#x',
  ])('%s -> refused by name', (text) => {
    expect(() => load({ TURNSTONE_PUBLIC_URL: text })).toThrow(/TURNSTONE_PUBLIC_URL: .*http or https address/);
  });
});

describe('TURNSTONE_ESCALATION_WEBHOOK', () => {
  const withHook = (url: string, secret: string = SECRET): Config =>
    load({ TURNSTONE_ESCALATION_WEBHOOK: url, TURNSTONE_ESCALATION_WEBHOOK_SECRET: secret });

  it.each([
    'https://hooks.example.com/a?b=c',
    'http://127.0.0.1:9000/x',
    'http://localhost:9000',
    'http://[::1]:9000/',
  ])('%s -> accepted', (url) => {
    expect(withHook(url).approvals.escalation_webhook).toBe(url);
  });

  it.each(['http://hooks.example.com', 'http://127.0.0.1.example.com', 'hooks', 'https://user:pw@hooks.example.com'])(
    '%s -> refused',
    (url) => {
      expect(() => withHook(url)).toThrow(/TURNSTONE_ESCALATION_WEBHOOK: .*https address/);
    },
  );

  it('without a secret -> refused, and says how to make one', () => {
    expect(() => load({ TURNSTONE_ESCALATION_WEBHOOK: 'https://hooks.example.com' })).toThrow(
      /set TURNSTONE_ESCALATION_WEBHOOK_SECRET \(`openssl rand -base64 32`\)/,
    );
  });

  it('a secret that is none -> refused, not shown', () => {
    expect(() => withHook('https://hooks.example.com', 'too-short-to-be-one')).toThrow(/at least 24 random bytes/);
    expect(() => withHook('https://hooks.example.com', 'too-short-to-be-one')).not.toThrow(/too-short/);
  });

  it('shown to people: where it goes, neither its path nor its secret', () => {
    const config = withHook('https://hooks.example.com/services/T00/secret-path');
    const lines = describeConfig(config).map(({ key, value }) => `${key} ${value}`);
    expect(lines).toContain('approvals.escalation_webhook https://hooks.example.com/…, signed');
    expect(lines.join()).not.toMatch(/secret-path|whsec/);
  });
});
