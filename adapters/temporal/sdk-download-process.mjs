// Downloads the Temporal program through the SDK: `node sdk-download-process.mjs <folder> <version> <connect timeout ms>`.
// A process of its own, because the SDK cannot be told to give up: the parent ends it when it takes too long.
import { lookup } from 'node:dns/promises';
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [folder = '', version = '', connectTimeoutMs = '5000'] = process.argv.slice(2);

// Offline, the SDK's own client may wait for long. A name that does not resolve in time means: try the next source.
const unreachable = new Promise((_, reject) => {
  setTimeout(() => reject(new Error('temporal.download does not resolve')), Number(connectTimeoutMs)).unref();
});
try {
  await Promise.race([lookup('temporal.download'), unreachable]);
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir: folder, version } },
  });
  await environment.teardown();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
