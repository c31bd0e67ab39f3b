/** `turnstone backup`: asks the running server for a copy of everything its embedded parts hold. */
import { failure, toError } from '../domain/failures.js';

export interface BackupFlags {
  readonly url?: string;
  readonly json?: boolean;
}

/** Copying and hashing some GB takes minutes. */
const TIMEOUT_MS = 30 * 60_000;
const DEFAULT_URL = 'http://127.0.0.1:8080/v1';

interface MadeBackup {
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
  readonly files: number;
}

/** @returns the exit code. @throws `auth.missing`, `server.unreachable`, `request.invalid` with what the server says. */
export async function runBackup(
  flags: BackupFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const made = await makeBackup(flags.url ?? env['TURNSTONE_BASE_URL'] ?? DEFAULT_URL, env['TURNSTONE_API_KEY']);
  const lines = [
    `Backup ${made.id}: ${made.files} files, ${(made.bytes / 1_000_000).toFixed(1)} MB`,
    `  ${made.path}`,
    'If the server made its own master key, the backup holds it: keep it as secret as the data folder.',
    `Restore with: npx turnstone restore ${made.path} --data-dir <folder>`,
  ];
  process.stdout.write(`${flags.json === true ? JSON.stringify(made) : lines.join('\n')}\n`);
  return 0;
}

async function makeBackup(url: string, key: string | undefined): Promise<MadeBackup> {
  if (key === undefined || key === '') {
    throw failure('auth.missing', 'Set TURNSTONE_API_KEY to an admin key of the server.');
  }
  const response = await fetch(`${url.replace(/\/+$/, '')}/admin/backups`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    const why = toError(error).message;
    throw failure(
      'engine.unavailable',
      `No server answers at ${url} (${why}). Start it, or name it with --url or TURNSTONE_BASE_URL.`,
    );
  });
  const answer = (await response.json()) as MadeBackup & { readonly error?: { readonly message?: string } };
  if (response.ok) return answer;
  throw failure('request.invalid', answer.error?.message ?? `The server answered ${response.status}.`);
}
