/** The build id: the same for the same workflow sources wherever they lie, another one for others. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { workflowBuildId } from '../../workers/bundle-workflows.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const made: string[] = [];
afterEach(() => made.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function copyOfSources(): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnstone-test-'));
  made.push(folder);
  for (const name of ['workflows', 'domain']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  return folder;
}

const idIn = (folder: string): Promise<string> =>
  workflowBuildId({ folders: [join(folder, 'workflows'), join(folder, 'domain')] });

describe('workflow build id', () => {
  it('the same sources in another folder -> the same id', async () => {
    expect(await idIn(copyOfSources())).toBe(await workflowBuildId());
  });

  it('a file that is no source -> the same id; a changed source -> another', async () => {
    const folder = copyOfSources();
    writeFileSync(join(folder, 'workflows', 'notes.txt'), 'no source');
    expect(await idIn(folder)).toBe(await workflowBuildId());
    writeFileSync(join(folder, 'workflows', 'undo-workflow.ts'), '// changed');
    expect(await idIn(folder)).not.toBe(await workflowBuildId());
  });

  it('failures are encoded -> another id', async () => {
    const failureConverterPath = join(ROOT, 'adapters', 'temporal', 'data-converter.ts');
    expect(await workflowBuildId({ failureConverterPath })).not.toBe(await workflowBuildId());
  });
});
