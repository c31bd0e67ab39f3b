/** Proves: `turnstone doctor` shows the effective configuration and each part without secrets, and answers with its exit code. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY, cleanEnvironment, runToEnd } from '../support/product-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { verifies } from './requirements.js';

interface Report {
  readonly ok: boolean;
  readonly version: string;
  readonly problem?: string;
  readonly config: readonly { readonly key: string; readonly value: string; readonly source: string }[];
  readonly parts: readonly { readonly part: string; readonly state: string; readonly detail: string }[];
}

async function doctor(
  env: Record<string, string>,
  args: readonly string[] = ['--json'],
): Promise<{ code: number | string; out: string; err: string }> {
  return runToEnd(
    'npx',
    ['--no-install', 'turnstone', 'doctor', ...args],
    cleanEnvironment(temporaryFolder(), { PORT: '', ...env }),
  );
}

const stateOf = (report: Report, part: string): { state: string; detail: string } | undefined =>
  report.parts.find((entry) => entry.part === part);

describe('turnstone doctor', () => {
  it(verifies('doctor.report'), async () => {
    const { code, out } = await doctor({
      HOST: '127.0.0.1',
      PORT: '45999',
      OPENAI_API_KEY: 'sk-geheim-key',
      OPENAI_MODEL: 'gpt-4o',
    });
    const report = JSON.parse(out) as Report;
    expect(code).toBe(0);
    expect(report.ok).toBe(true);
    expect(report.config).toContainEqual({ key: 'server.port', value: '45999', source: 'PORT' });
    expect(stateOf(report, 'node')).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining(process.version) as string,
    });
    expect(stateOf(report, 'temporal')).toMatchObject({
      state: 'ok',
      detail: expect.stringMatching(/CLI \d+\.\d+\.\d+/) as string,
    });
    expect(stateOf(report, 'database')?.detail).toContain('PGlite');
    expect(stateOf(report, 'models')).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('openai') as string,
    });
    expect(stateOf(report, 'api')?.detail).toContain('not running');
    expect(out).not.toContain('geheim');
  });

  it('for people: no --json -> the same in lines', async () => {
    const { code, out } = await doctor({}, []);
    expect(code).toBe(0);
    expect(out).toMatch(/server\.port\s+8080/);
    expect(out).toMatch(/ok\s+node/);
    expect(out).toContain('Nothing stands in the way of a start.');
  });

  it('a part that stands in the way: database unreachable -> FAIL and exit 1, no password', async () => {
    const { code, out } = await doctor({ DATABASE_URL: 'postgres://u:geheim@127.0.0.1:1/db' });
    const report = JSON.parse(out) as Report;
    expect(code).toBe(1);
    expect(stateOf(report, 'database')?.state).toBe('fail');
    expect(out).not.toContain('geheim');
  });

  it('Temporal nowhere: nothing on PATH, nothing kept -> one line says that and what the start will need', async () => {
    const env = cleanEnvironment(temporaryFolder(), {
      PATH: temporaryFolder(),
      TURNSTONE_CACHE_DIR: temporaryFolder(),
    });
    const { code, out } = await runToEnd(process.execPath, [join(REPOSITORY, 'cli', 'turnstone.mjs'), 'doctor'], env);
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.includes('temporal.download'))).toEqual([
      expect.stringMatching(/^\s*warn\s+temporal\s+not on this machine yet: the next start fetches it/) as string,
    ]);
  });

  it('configuration wrong: -> the problems and exit 1', async () => {
    const file = join(temporaryFolder(), 'broken.yaml');
    writeFileSync(file, 'sever: {}\n');
    const { code, out } = await doctor({ TURNSTONE_CONFIG: file });
    expect(code).toBe(1);
    expect((JSON.parse(out) as Report).problem).toMatch(/sever is no setting: did you mean server\?/);
  });
});
