/** Proves: an operator's modules become tools, with nothing but what they are given, and every problem names its module. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { joinTools, loadToolModules } from '../../tools/sdk/load-tool-modules.js';
import { runTool } from '../../tools/sdk/test-kit.js';
import { aFakeTool } from '../support/api-fakes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function moduleWith(text: string, name = 'own.mjs'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

const ECHO = `export default ({ defineTool, z }) => [defineTool({
  name: 'echo', description: 'Says it again.', input: z.object({ text: z.string().describe('What to say') }),
  effect: 'keyed', approval: 'never', timeoutMs: 1000, run: async ({ text }) => ({ text }),
})];`;

describe('tool modules', () => {
  it('a function: given defineTool and zod -> its tools, which run', async () => {
    const [echo] = await loadToolModules([moduleWith(ECHO)]);
    expect(echo).toMatchObject({ name: 'echo', effect: 'keyed', approval: 'never' });
    expect((await runTool(echo!, { text: 'again' })).output.text).toBe('again');
  });

  it('the module of the test suites: loaded -> one tool of each effect', async () => {
    const path = fileURLToPath(new URL('../support/effect-tools.mjs', import.meta.url));
    const effects = (await loadToolModules([path])).map(({ name, effect }) => `${name} ${effect}`);
    expect(effects).toEqual(['look_up read', 'book_room keyed', 'send_letter unkeyed']);
  });

  it('problems: of several modules -> all in one message, each with its file', async () => {
    const broken = moduleWith('export default {', 'broken.mjs');
    const empty = moduleWith('export const nothing = 1;', 'empty.mjs');
    const wrong = moduleWith('export default [{ name: "half" }];', 'wrong.mjs');
    const loading = loadToolModules([broken, '/no/such/module.mjs', empty, wrong]);
    await expect(loading).rejects.toMatchObject({ code: 'config.invalid' });
    const message = await loading.catch((error: unknown) => (error as Error).message);
    for (const part of [broken, '/no/such/module.mjs', `${empty}: exports by default neither`, 'entry 0'])
      expect(message).toContain(part);
  });

  it('a name that is there already: joined -> refused, naming it', () => {
    expect(() => joinTools([aFakeTool('look')], [aFakeTool('look')])).toThrow(/two tools named look/);
    expect(joinTools([aFakeTool('look')], [aFakeTool('other')])).toHaveLength(2);
  });
});
