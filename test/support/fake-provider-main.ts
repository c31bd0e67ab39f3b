/**
 * The fake provider as a process of its own, for load and fault runs: `tsx test/support/fake-provider-main.ts [port] [text]`.
 * Prints one line of JSON, `{"port": …}`, when it listens; answers `text` (or an echo) to everything that is not scripted
 * through POST /_script; ends on SIGTERM and SIGINT.
 */
import { startFakeProvider } from './fake-provider.js';
import { answerText } from './fake-provider-script.js';

const [port = '0', text] = process.argv.slice(2);
const provider = await startFakeProvider({
  port: Number(port),
  ...(text === undefined ? {} : { respond: () => answerText(text) }),
});
process.stdout.write(`${JSON.stringify({ port: provider.port })}\n`);
const stop = (): void => {
  void provider.close().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
