/** `turnstone start`: runs the product with the start screen. */
import { main } from '../workers/main.js';
import { createStartScreen } from './start-screen.js';

export interface StartFlags {
  readonly roles?: string;
  readonly port?: number;
  readonly host?: string;
  readonly dataDir?: string;
  readonly newAdminKey?: boolean;
}

type Flags = Parameters<typeof main>[0]['flags'];

function toConfigFlags(flags: StartFlags): Flags {
  const roles = flags.roles?.split(',').map((role) => role.trim());
  const given: readonly (readonly [string, string, unknown])[] = [
    ['roles', '--roles', roles],
    ['server.port', '--port', flags.port],
    ['server.host', '--host', flags.host],
    ['data_dir', '--data-dir', flags.dataDir],
  ];
  return Object.fromEntries(
    given.filter(([, , value]) => value !== undefined).map(([path, flag, value]) => [path, { flag, value }]),
  );
}

/** @returns the exit code */
export async function runStart(flags: StartFlags, env: Readonly<Record<string, string | undefined>>): Promise<number> {
  const screen = createStartScreen({
    out: process.stdout,
    colors: process.stdout.isTTY && env['NO_COLOR'] === undefined,
  });
  return main({
    env,
    cwd: process.cwd(),
    flags: toConfigFlags(flags),
    makeAdminKey: flags.newAdminKey === true,
    progress: screen,
    onReady: (product) => screen.ready(product),
    onStopping: () => screen.note('Stopping: running turns get a moment, the rest goes on at the next start.'),
  });
}
