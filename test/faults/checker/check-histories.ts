/** Invariants 9 and 8: every history the server holds replays on the code as it is, and holds no secret. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { toError } from '../../../domain/failures.js';
import { FAILURE_CONVERTER_PATH } from '../../../adapters/temporal/data-converter.js';
import { bundleWorkflows } from '../../../workers/bundle-workflows.js';
import { remoteConverter } from '../../support/remote-codec.js';
import { silentLogger } from '../../support/silent-logger.js';
import { TEST_CACHE_DIR } from '../../support/test-cache.js';
import { CODEC_TOKEN } from '../world/world.js';
import type { World } from '../world/world.js';
import type { Violation } from './violation.js';

export interface HistoryCheck {
  readonly replayed: number;
  readonly violations: readonly Violation[];
}

/** Histories of one shape replay alike, and each takes some ten requests of an API that has its limits. */
const MAX_REPLAYED = 100;
const LIMIT_PAUSE_MS = 3_000;
const LIMIT_TRIES = 40;
let installed = false;

/** Payloads are decrypted as an operator's tools do it: through the product, which writes down who looked. */
export async function checkHistories(
  { dataDir, apiUrl }: Pick<World, 'dataDir' | 'apiUrl'>,
  secrets: readonly string[],
  address: string | null = null,
): Promise<HistoryCheck> {
  const { port } = address === null ? readRecord(dataDir) : { port: 0 };
  const connection = await Connection.connect({ address: address ?? `127.0.0.1:${port}` });
  const dataConverter = withPatience(remoteConverter(apiUrl(), CODEC_TOKEN));
  const client = new Client({ connection, dataConverter });
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
  const bundle = { cacheDir: TEST_CACHE_DIR, logger: silentLogger, failureConverterPath: FAILURE_CONVERTER_PATH };
  const workflowBundle = { codePath: await bundleWorkflows(bundle) };
  const violations: Violation[] = [];
  let replayed = 0;
  try {
    for await (const { workflowId, runId } of client.workflow.list()) {
      if (replayed >= MAX_REPLAYED) break;
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const text = historyToJSON(history);
      for (const secret of secrets) {
        const coded = Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1);
        if (text.includes(secret) || text.includes(coded))
          violations.push({ inv: 8, where: workflowId, what: 'a secret stands in its history' });
      }
      try {
        await Worker.runReplayHistory({ workflowBundle, dataConverter }, history, workflowId);
      } catch (error) {
        violations.push({ inv: 9, where: `${workflowId} ${runId}`, what: toError(error).message.slice(0, 500) });
      }
      replayed += 1;
    }
  } finally {
    await connection.close();
  }
  return { replayed, violations };
}

/** The load before may have used up what the key may ask in a minute. */
function withPatience({ payloadCodecs = [], ...rest }: DataConverter): DataConverter {
  const patient =
    (call: PayloadCodec['decode']): PayloadCodec['decode'] =>
    async (payloads, context) => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await call(payloads, context);
        } catch (error) {
          if (tries >= LIMIT_TRIES || !toError(error).message.includes('answered 429')) throw error;
          await sleep(LIMIT_PAUSE_MS);
        }
      }
    };
  return {
    ...rest,
    payloadCodecs: payloadCodecs.map((codec) => ({ encode: patient(codec.encode), decode: patient(codec.decode) })),
  };
}

function readRecord(dataDir: string): { readonly port: number } {
  return JSON.parse(readFileSync(join(dataDir, 'temporal.json'), 'utf8')) as { port: number };
}
