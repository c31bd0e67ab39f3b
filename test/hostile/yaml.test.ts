/** Proves that hostile YAML (agents, configuration) is refused with its place, quickly, and changes nothing global. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { loadAgents } from '../../adapters/agents/load-agents.js';
import { loadConfig } from '../../adapters/config/load-config.js';
import { toError } from '../../domain/failures.js';
import { countCases } from './case-count.js';

const folder = mkdtempSync(join(tmpdir(), 'turnstone-yaml-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const before = Object.getOwnPropertyNames(Object.prototype).join();
afterEach(() => expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before));

/** Reading is synchronous for a small file: far longer than this is a bomb that went off. On a busy machine, too. */
const MAX_MS = 3_000;
const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcdefghij'.split('').map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[at]}`).join(',')}]`),
].join('\n');

const HOSTILE: readonly string[] = [
  bomb,
  `name: x\ndescription: &d [*d]`,
  '['.repeat(10_000),
  '{a: '.repeat(5_000),
  `${'- '.repeat(5_000)}a`,
  'name: x\nname: y\ndescription: d',
  '__proto__:\n  polluted: 1\nname: x\ndescription: d',
  'constructor:\n  prototype:\n    polluted: 1\nname: x\ndescription: d',
  '"__proto__": { polluted: 1 }',
  '<<: { name: x, description: d, tools: [python] }',
  'name: !!js/function "function(){ return 1 }"\ndescription: d',
  'name: !!python/object/apply:os.system ["id"]\ndescription: d',
  'name: x\ndescription: !!binary aGVsbG8=\nmodel: 010',
  'name: 2001-01-01\ndescription: d',
  'name: x\ndescription: 0o17',
  'name: x\ndescription: d\nlimits: { max_steps: .inf }',
  'name: x\ndescription: d\nlimits: { max_steps: .nan }',
  'name: x\ndescription: d\nlimits: { max_steps: -1 }',
  'name: x\ndescription: d\ntaint: { write: yes }',
  'name: x\ndescription: d\ntaint: { untrusted: [trusted] }',
  'name: x\ndescription: d\ntaint: { trusted_hosts: ["*"] }',
  'name: x\ndescription: d\ntaint: { trusted_hosts: ["https://evil.example/"] }',
  'name: x\ndescription: d\ntaint: { trusted_hosts: ["a b"] }',
  'name: x\ndescription: d\ntaint: { egres: allow }',
  'name: ../../x\ndescription: d',
  'name: x\ndescription: d\n---\nname: y\ndescription: d',
  'name: x\n\tdescription: d',
  '%TAG ! tag:evil,2000:\n---\nname: !x y',
  '\u0000name: x',
  'name: x\ndescription: d\ntools: "python"',
  `name: x\ndescription: ${'d'.repeat(2_000)}`,
  '[]',
  'null',
  '"text"',
  '42',
];

async function refusal(read: () => unknown): Promise<{ message: string; ms: number }> {
  const startedMs = performance.now();
  let message = '';
  try {
    await read();
  } catch (error) {
    message = toError(error).message;
  }
  return { message, ms: performance.now() - startedMs };
}

describe('hostile YAML', () => {
  it('as an agent -> refused, naming the file, in time', async () => {
    for (const text of HOSTILE) {
      writeFileSync(join(folder, 'x.yaml'), text);
      const { message, ms } = await refusal(() => loadAgents(folder));
      expect(message, text.slice(0, 80)).toContain('x.yaml');
      expect(ms, text.slice(0, 80)).toBeLessThan(MAX_MS);
    }
    countCases({
      corpus: 'YAML of agents',
      required: 'refused with its place, nothing expanded',
      payloads: HOSTILE.length,
    });
  });

  it('as the configuration -> refused, naming the file, in time', async () => {
    const path = join(folder, 'turnstone.config.yaml');
    // Empty and null mean: nothing is set.
    const hostile = HOSTILE.filter((text) => text !== 'null');
    for (const text of hostile) {
      writeFileSync(path, text);
      const { message, ms } = await refusal(() => loadConfig({ TURNSTONE_CONFIG: path }, { cwd: folder }));
      expect(message, text.slice(0, 80)).toContain('turnstone.config.yaml');
      expect(ms, text.slice(0, 80)).toBeLessThan(MAX_MS);
    }
    countCases({
      corpus: 'YAML of the configuration',
      required: 'refused with its place, nothing expanded',
      payloads: hostile.length,
    });
  });
});
