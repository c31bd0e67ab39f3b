/** The commands and their options. Every failure is one clear message and exit code 1. */
import { Command, InvalidArgumentError } from 'commander';
import { isFailure, toError } from '../domain/failures.js';
import type { BackupFlags } from './backup-command.js';
import type { DoctorFlags } from './doctor-command.js';
import type { RestoreFlags } from './restore-command.js';
import type { StartFlags } from './start-command.js';
import { productVersion } from '../workers/product-version.js';

type Environment = Readonly<Record<string, string | undefined>>;

function toPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return port;
}

/** Commands load their code when they run: `--version` and `doctor` need not wait for a server's modules. */
export function createProgram(env: Environment, exit: (code: number) => void): Command {
  const program = new Command('turnstone')
    .description('A durable agent server: every conversation turn is a Temporal workflow.')
    .version(productVersion());
  program
    .command('start')
    .description('start the server; settings come from the environment and turnstone.config.yaml')
    .option('--roles <roles>', 'all, or some of api,turns,tools,background')
    .option('--port <port>', 'port of the API; 0 takes any free one', toPort)
    .option('--host <host>', 'address the API listens on')
    .option('--data-dir <folder>', 'where the database, files and downloads are kept')
    .option('--new-admin-key', 'make another admin key and show it')
    .action(async (flags: StartFlags) => {
      const { runStart } = await import('./start-command.js');
      exit(await runStart(flags, env));
    });
  program
    .command('doctor')
    .description('show the effective configuration without secrets, and the state of each part')
    .option('--json', 'machine-readable output')
    .option('--data-dir <folder>', 'look at this data folder')
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import('./doctor-command.js');
      exit(await runDoctor(flags, env));
    });
  addBackupCommands(program, env, exit);
  return program;
}

function addBackupCommands(program: Command, env: Environment, exit: (code: number) => void): void {
  program
    .command('backup')
    .description('back up the embedded database, files and key of the running server (TURNSTONE_API_KEY: an admin key)')
    .option('--url <url>', 'the server; default TURNSTONE_BASE_URL, else http://127.0.0.1:8080/v1')
    .option('--json', 'machine-readable output')
    .action(async (flags: BackupFlags) => {
      const { runBackup } = await import('./backup-command.js');
      exit(await runBackup(flags, env));
    });
  program
    .command('restore')
    .description('make a backup or snapshot the database of a data folder; its server must be stopped')
    .argument('<backup>', 'the folder of a backup, or `newest` of the data folder')
    .option('--data-dir <folder>', 'the data folder to restore into')
    .option('--replace', 'move what is there aside')
    .option('--json', 'machine-readable output')
    .action(async (from: string, flags: RestoreFlags) => {
      const { runRestore } = await import('./restore-command.js');
      exit(await runRestore(from, flags, env));
    });
}

export async function runCli(argv: readonly string[], env: Environment): Promise<void> {
  // A reader that goes away (`turnstone doctor | head`) is no error of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    await createProgram(env, (code) => process.exit(code)).parseAsync([...argv]);
  } catch (thrown) {
    process.stderr.write(`\n${describeError(thrown, env)}\n`);
    process.exit(1);
  }
}

/** What is in the failure table is a message for people; anything else is a defect, whose stack helps to report it. */
function describeError(thrown: unknown, env: Environment): string {
  const error = toError(thrown);
  if (isFailure(error)) return error.message;
  const stack = env['LOG_LEVEL'] === 'debug' ? `\n${error.stack ?? ''}` : '\nSet LOG_LEVEL=debug for details.';
  return `Unexpected error: ${error.message}${stack}`;
}
