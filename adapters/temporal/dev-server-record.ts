/**
 * What the data folder remembers of its Temporal server: the process, so that a leftover of a killed product is found, and
 * the ports, so that the address of the Temporal UI stays the same from start to start.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Logger } from '../../domain/ports/logger.js';
import { stopProcess } from './dev-server-process.js';
import { findFreePort, isPortFree } from './local-ports.js';
import { processStartTime } from './process-identity.js';

const recordSchema = z.object({
  pid: z.int().min(2),
  startTime: z.string().nullable(),
  port: z.int().min(1).max(65_535),
  uiPort: z.int().min(1).max(65_535),
});
export type DevServerRecord = z.infer<typeof recordSchema>;

const LEFTOVER_GRACE_MS = 5_000;

/** @returns null when there is none, or none that can be read: a start without memory is a first start. */
export async function readRecord(file: string): Promise<DevServerRecord | null> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}

export async function writeRecord(file: string, record: DevServerRecord): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(record));
  await rename(`${file}.new`, file);
}

/**
 * Stop the server a killed product left behind. It is stopped, not adopted: only a child's end can be seen and acted on,
 * and its database file takes a restart well. The caller holds the lock of the data folder, so nobody else is using it.
 */
export async function stopLeftover(record: DevServerRecord, logger: Logger): Promise<void> {
  const startTime = await processStartTime(record.pid);
  if (startTime === null || startTime !== record.startTime) return;
  logger.warn({ temporalPid: record.pid }, 'stopping the Temporal server a killed process left behind');
  await stopProcess(record.pid, startTime, LEFTOVER_GRACE_MS);
}

/** The port to use: the one asked for; for 0 the one of last time when it is free, else any free one. */
export async function choosePort(wanted: number, last: number | undefined, avoid: readonly number[]): Promise<number> {
  if (wanted !== 0) return wanted;
  if (last !== undefined && !avoid.includes(last) && (await isPortFree(last))) return last;
  for (;;) {
    const port = await findFreePort();
    if (!avoid.includes(port)) return port;
  }
}
