/**
 * Records one history for each shape of a turn and of an undo into test/replay/histories/<release>/. Run once per release:
 * `npx tsx test/replay/record-histories.ts`. Existing files are kept: a recorded history is never rewritten.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TURN_SHAPES, shapeActivities } from '../support/turn-shapes.js';
import { UNDO_SHAPES, withUndo } from '../support/undo-shapes.js';
import { startWorkflowEnvironment } from '../support/workflow-environment.js';

type History = Parameters<typeof historyToJSON>[0];

/** The shape `continued` passes it, all others stay below: by default a turn would need hundreds of steps. */
const FRESH_HISTORY_AFTER_EVENTS = 60;

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const folder = new URL(`./histories/${version}/`, import.meta.url);
await mkdir(folder, { recursive: true });
const environment = await startWorkflowEnvironment([
  '--dynamic-config-value',
  `limit.historyCount.suggestContinueAsNew=${FRESH_HISTORY_AFTER_EVENTS}`,
]);
try {
  for (const shape of TURN_SHAPES) {
    const options = { sticky: true, ...(shape.input === undefined ? {} : { input: shape.input }) };
    await record(shape.name, () =>
      environment.withWorker(shapeActivities(shape), options, async (run) => {
        await shape.meanwhile?.(run);
        return historyOf(run.handle);
      }),
    );
  }
  for (const { name, undoEffect, meanwhile } of UNDO_SHAPES) {
    const activities = { undoEffect, giveUpUndo: async () => undefined };
    await record(name, () =>
      withUndo(environment, activities, { sticky: true }, async (handle) => {
        await meanwhile?.({ handle });
        return historyOf(handle);
      }),
    );
  }
} finally {
  await environment.stop();
}

/** Of the first run: one that goes on with a fresh history is a shape of its own. */
async function historyOf(handle: WorkflowHandle): Promise<History> {
  // A failed or cancelled workflow is a shape like any other.
  await handle.result().catch((error: unknown) => error);
  const { raw } = await handle.describe();
  const firstRunId = raw.workflowExecutionInfo?.firstRunId ?? undefined;
  return environment.temporal.client.workflow.getHandle(handle.workflowId, firstRunId).fetchHistory();
}

async function record(name: string, run: () => Promise<History>): Promise<void> {
  const file = new URL(`${name}.json`, folder);
  if (existsSync(file)) return;
  const history = await run();
  // Which machine recorded it, and where its files lay, is nobody's business.
  const text = historyToJSON(history)
    .replace(/"identity": "[^"]*"/g, '"identity": "recorder"')
    .replace(/"stackTrace": "(?:[^"\\]|\\.)*"/g, '"stackTrace": ""');
  await writeFile(file, `${text}\n`);
  process.stdout.write(`${name}: ${history.events?.length ?? 0} events\n`);
}
