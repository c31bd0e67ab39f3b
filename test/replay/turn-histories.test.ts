/**
 * Every recorded history of every release replays on today's workflow code. A failure here means that turns which run
 * during a deploy would break: put the change behind `patched()`.
 */
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleWorkflows } from '../../workers/bundle-workflows.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { TEST_CACHE_DIR } from '../support/test-cache.js';
import { TURN_SHAPES } from '../support/turn-shapes.js';
import { UNDO_SHAPES } from '../support/undo-shapes.js';

const folder = new URL('./histories/', import.meta.url);
const releases = await readdir(folder);
const files = (
  await Promise.all(
    releases.map(async (release) =>
      (await readdir(new URL(`${release}/`, folder))).map((name) => `${release}/${name}`),
    ),
  )
).flat();

let workflowBundle: { codePath: string };
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const { logger } = createRecordingLogger();
  workflowBundle = { codePath: await bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger }) };
});

describe('recorded histories', () => {
  it('every shape of a turn and of an undo is recorded for this release', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    const recorded = files
      .filter((file) => file.startsWith(`${version}/`))
      .map((file) => file.replace(/^.*\/|\.json$/g, ''));
    expect(recorded.sort()).toEqual([...TURN_SHAPES, ...UNDO_SHAPES].map((shape) => shape.name).sort());
  });

  it.each(files)('%s: replays', async (file) => {
    const history: unknown = JSON.parse(await readFile(new URL(file, folder), 'utf8'));
    await Worker.runReplayHistory({ workflowBundle }, history);
  });

  it('a history of another program: is refused, so the check can fail', async () => {
    const plain = await readFile(new URL(files.find((file) => file.endsWith('/plain.json')) ?? '', folder), 'utf8');
    const foreign: unknown = JSON.parse(plain.replaceAll('callModel', 'callSomethingElse'));
    await expect(Worker.runReplayHistory({ workflowBundle }, foreign)).rejects.toThrow();
  });

  it("today's code with one command more at its start: is refused", async () => {
    const entry = fileURLToPath(new URL('../support/mutated-turn.ts', import.meta.url));
    const { logger } = createRecordingLogger();
    const mutated = { codePath: await bundleWorkflows({ cacheDir: TEST_CACHE_DIR, logger, entry }) };
    const file = files.find((name) => name.endsWith('/tool-step.json')) ?? '';
    const history: unknown = JSON.parse(await readFile(new URL(file, folder), 'utf8'));
    await expect(Worker.runReplayHistory({ workflowBundle: mutated }, history)).rejects.toThrow(
      DeterminismViolationError,
    );
  });
});
