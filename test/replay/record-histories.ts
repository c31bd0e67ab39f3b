/**
 * Records one history for each shape of a turn into test/replay/histories/<release>/. Run once per release:
 * `npx tsx test/replay/record-histories.ts`. Existing files are kept: a recorded history is never rewritten.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TURN_SHAPES, shapeActivities } from '../support/turn-shapes.js';
import { startWorkflowEnvironment } from '../support/workflow-environment.js';

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const folder = new URL(`./histories/${version}/`, import.meta.url);
await mkdir(folder, { recursive: true });
const environment = await startWorkflowEnvironment();
try {
  for (const shape of TURN_SHAPES) {
    const file = new URL(`${shape.name}.json`, folder);
    if (existsSync(file)) continue;
    const options = { sticky: true, ...(shape.input === undefined ? {} : { input: shape.input }) };
    const history = await environment.withWorker(shapeActivities(shape), options, async (run) => {
      await shape.meanwhile?.(run);
      // A failed or cancelled workflow is a shape like any other.
      await run.handle.result().catch((error: unknown) => error);
      return run.handle.fetchHistory();
    });
    // Which machine recorded it, and where its files lay, is nobody's business.
    const text = historyToJSON(history)
      .replace(/"identity": "[^"]*"/g, '"identity": "recorder"')
      .replace(/"stackTrace": "(?:[^"\\]|\\.)*"/g, '"stackTrace": ""');
    await writeFile(file, `${text}\n`);
    process.stdout.write(`${shape.name}: ${history.events?.length ?? 0} events\n`);
  }
} finally {
  await environment.stop();
}
