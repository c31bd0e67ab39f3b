/** A process that starts the embedded Temporal, tells its pid, and waits to be killed. */
import { createLogger } from '../../adapters/logging/create-logger.js';
import { startDevServer } from '../../adapters/temporal/start-dev-server.js';

const [dataDir = '', binary = ''] = process.argv.slice(2);
const logger = createLogger({ level: 'error', format: 'json' });
const server = await startDevServer({
  binary,
  dataDir,
  namespace: 'default',
  port: 0,
  uiPort: 0,
  logger,
  env: process.env,
});
process.stdout.write(`${server.pid()}\n`);
setInterval(() => undefined, 60_000);
