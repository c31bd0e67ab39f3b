/** Proves: agent files become agents with a version that follows their meaning, and every problem is named with its line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAgents } from '../../adapters/agents/load-agents.js';
import type { Agent } from '../../domain/agent.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function folderWith(files: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

async function one(text: string): Promise<Agent> {
  const [agent] = await loadAgents(folderWith({ 'helper.yaml': text }));
  return agent!;
}

describe('loadAgents', () => {
  it('shipped agents: loaded -> general is there, with tools and instructions', async () => {
    const agents = await loadAgents(fileURLToPath(new URL('../../agents', import.meta.url)));
    const general = agents.find((agent) => agent.name === 'general');
    expect(general?.tools).toContain('python');
    expect(general?.instructions).not.toBe('');
  });

  it('defaults: only what is needed is written -> model auto, no tools, no limits', async () => {
    expect(await one('name: helper\ndescription: Helps.\n')).toMatchObject({
      name: 'helper',
      model: 'auto',
      tools: [],
      limits: {},
    });
  });

  it('version: keys in another order and a comment -> the same; another instruction -> another', async () => {
    const first = await one('name: helper\ndescription: Helps.\ninstructions: Be brief.\n');
    const reordered = await one('# ours\ninstructions: Be brief.\ndescription: Helps.\nname: helper\n');
    const changed = await one('name: helper\ndescription: Helps.\ninstructions: Be long.\n');
    expect(reordered.version).toBe(first.version);
    expect(changed.version).not.toBe(first.version);
  });

  it('several files: wrong in different ways -> one message with each file and line', async () => {
    const folder = folderWith({
      'a.yaml': 'name: a\ndescription: A.\ntemperature: 9\n',
      'b.yaml': 'name: b\ndescription: [\n',
      'c.yaml': 'name: other\ndescription: C.\n',
      'd.yaml': 'name: d\ndescription: D.\nmodle: x\n',
      'e.txt': 'no agent',
    });
    const message = await loadAgents(folder).then(
      () => 'accepted',
      (error: unknown) => (error as Error).message,
    );
    expect(message).toMatch(/a\.yaml:3: temperature: /);
    expect(message).toMatch(/b\.yaml:\d: not valid YAML/);
    expect(message).toMatch(/c\.yaml: name is other: the file must be called other\.yaml/);
    expect(message).toMatch(/d\.yaml.*modle/);
    expect(message).not.toContain('e.txt');
  });

  it.each([
    ['a folder that does not exist', () => join(temporaryFolder(), 'nowhere'), /cannot be read/],
    ['an empty folder', () => temporaryFolder(), /there is no \*\.yaml file/],
  ])('folder: %s -> says so', async (_what, folder, expected) => {
    await expect(loadAgents(folder())).rejects.toThrow(expected);
  });
});
