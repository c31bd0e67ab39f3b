/** Which process is it: pids are reused, so a pid alone proves nothing. */
import { readFile, readdir, readlink } from 'node:fs/promises';
import { runCommand } from './run-command.js';

const PS_TIMEOUT_MS = 5_000;

/** @returns true when a process with this pid exists, whoever it belongs to. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When the process with this pid began, in whatever unit the system counts: equal for the same process, different for a
 * later one with the same pid. Null when there is no such process (a zombie counts as none).
 */
export async function processStartTime(pid: number): Promise<string | null> {
  if (!isAlive(pid)) return null;
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null); // It ended between the two looks.
    // The second field, a name in parentheses, may hold spaces: count from its end. State is the 3rd field, start time the 22nd.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  }
  const listed = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)], { timeoutMs: PS_TIMEOUT_MS });
  return listed.ok && listed.output !== '' ? listed.output : null;
}

const LISTENING = '0A';

/** Inodes of the TCP sockets that listen on a port. */
async function listenerInodes(port: number): Promise<ReadonlySet<string>> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const rows = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1); // No IPv6: no second table.
    for (const row of rows) {
      const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
      if (state === LISTENING && parseInt(local.split(':')[1] ?? '', 16) === port) inodes.add(inode);
    }
  }
  return inodes;
}

/**
 * Does this process hold the listening socket of the port? A server that was started on a port which somebody else took
 * in the same moment must not be mistaken for it.
 * @returns null where the system does not tell (anything but Linux).
 */
export async function ownsListener(pid: number, port: number): Promise<boolean | null> {
  if (process.platform !== 'linux') return null;
  const inodes = await listenerInodes(port);
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []); // The process has ended: it owns nothing.
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''); // Closed between the two looks.
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
