/**
 * Proven on a real server, for every shape of a turn: with a master key each payload of the history is encrypted and each failure
 * encoded, the turn ends as it does without, and the history replays, also without a cache.
 */
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataConverter } from '../../adapters/temporal/data-converter.js';
import { aPayloadCipher } from '../support/in-memory-tenant-keys.js';
import { TURN_SHAPES, shapeActivities } from '../support/turn-shapes.js';
import { encodingBundle, startWorkflowEnvironment } from '../support/workflow-environment.js';
import type { WorkflowTestEnvironment } from '../support/workflow-environment.js';

let environment: WorkflowTestEnvironment;
beforeAll(async () => {
  environment = await startWorkflowEnvironment();
});
afterAll(() => environment.stop());

/** Encodings of all payloads and messages of all failures, wherever they stand. Attributes for searching must be readable. */
function walk(value: unknown, seen: { encodings: string[]; messages: string[] }): void {
  if (value === null || typeof value !== 'object') return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'searchAttributes' || key === 'header') continue;
    const metadata = key === 'metadata' ? (inner as Record<string, unknown>)['encoding'] : undefined;
    if (typeof metadata === 'string') seen.encodings.push(Buffer.from(metadata, 'base64').toString());
    if (key === 'failure' || key === 'cause') {
      const message: unknown = Reflect.get(inner as object, 'message');
      if (typeof message === 'string') seen.messages.push(message);
    }
    walk(inner, seen);
  }
}

/** Messages the server writes itself. */
const OF_THE_SERVER = ['activity error', 'Activity task failed', 'activity StartToClose timeout'];

describe.each(TURN_SHAPES)('an encrypted turn of the shape $name', (shape) => {
  it.each([true, false])('sticky cache %s -> nothing readable in its history, and it replays', async (sticky) => {
    const cipher = aPayloadCipher();
    const options = { sticky, cipher, ...(shape.input === undefined ? {} : { input: shape.input }) };
    let workflowId = '';
    const history = await environment.withWorker(shapeActivities(shape), options, async (run) => {
      workflowId = run.handle.workflowId;
      await shape.meanwhile?.(run);
      await run.handle.result().catch((error: unknown) => error);
      return run.handle.fetchHistory();
    });
    const text = historyToJSON(history);
    const seen = { encodings: [] as string[], messages: [] as string[] };
    walk(JSON.parse(text), seen);
    // A turn that was closed ahead has only its input, its summary and its result.
    expect(seen.encodings.length).toBeGreaterThan(2);
    expect(seen.encodings.filter((encoding) => encoding !== 'binary/encrypted')).toEqual([]);
    expect(
      seen.messages.filter((message) => message !== 'Encoded failure' && !OF_THE_SERVER.includes(message)),
    ).toEqual([]);
    const workflowBundle = { codePath: await encodingBundle() };
    const replayed: unknown = JSON.parse(text);
    const worker = { workflowBundle, dataConverter: createDataConverter(cipher) };
    await Worker.runReplayHistory(worker, replayed, workflowId);
    // Under another id its payloads are somebody else's.
    await expect(Worker.runReplayHistory(worker, replayed, `${workflowId}0`)).rejects.toThrow();
  });
});
