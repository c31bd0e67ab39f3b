/** Every requirement of test/e2e/requirements.ts is proved by a scenario that is not switched off. */
import { readFile, readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { REQUIREMENTS } from '../e2e/requirements.js';

it('requirements: each is proved by a scenario', async () => {
  const folder = new URL('../e2e/', import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'));
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')));
  const proved = new Set(
    texts.flatMap((text) => [...text.matchAll(/\bit\(\s*verifies\('([\w.-]+)'\)/g)].map((match) => match[1])),
  );
  const unproved = Object.keys(REQUIREMENTS).filter((id) => !proved.has(id));
  expect(unproved).toEqual([]);
});
