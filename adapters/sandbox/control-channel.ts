/**
 * The stream between host and harness: a line is eight bytes of length and JSON; file bytes follow the line that names them.
 * What the jail sends is hostile: every length is checked before a byte is kept, and every line is parsed by a schema.
 */
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import type { PythonLimits } from './python-limits.js';

/** Traceback, file list and notes of an honest harness stay below 100 kB. */
const MAX_LINE_BYTES = 1024 * 1024;

const readySchema = z.object({ ready: z.literal(true) });
const outcomeSchema = z.object({
  status: z.enum(['completed', 'error']),
  traceback: z.string().max(100_000),
  files: z.array(z.object({ name: z.string().min(1).max(4096), size: z.int().min(0) })),
  notes: z.array(z.string().max(5000)).max(50),
});

export interface JobOutcome {
  readonly status: 'completed' | 'error';
  readonly traceback: string;
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[];
  readonly notes: readonly string[];
}

/** Resolves with exactly `size` bytes; rejects when the stream ends or fails before. */
function readExactly(stream: Duplex, size: number): Promise<Buffer> {
  if (size === 0) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve, reject) => {
    const finish = (result: Buffer | Error): void => {
      stream.off('readable', tryRead).off('end', ended).off('close', ended).off('error', finish);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const ended = (): void => {
      finish(new Error('the interpreter closed its channel'));
    };
    const tryRead = (): void => {
      const bytes = stream.read(size) as Buffer | null;
      if (bytes === null) {
        if (stream.readableEnded || stream.destroyed) ended();
      } else if (bytes.length === size) finish(bytes);
      else ended();
    };
    stream.on('readable', tryRead).on('end', ended).on('close', ended).on('error', finish);
    tryRead();
  });
}

async function readLine(stream: Duplex): Promise<unknown> {
  const size = (await readExactly(stream, 8)).readBigUInt64BE();
  if (size > BigInt(MAX_LINE_BYTES)) throw new Error(`the interpreter announced a line of ${size} bytes`);
  const line = await readExactly(stream, Number(size));
  return JSON.parse(line.toString('utf8')) as unknown;
}

function toLine(message: object): Buffer {
  const line = Buffer.from(JSON.stringify(message), 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(line.length));
  return Buffer.concat([length, line]);
}

export async function readReady(stream: Duplex): Promise<void> {
  readySchema.parse(await readLine(stream));
}

/** Send a job; file bytes are written one by one, so that a large input is not copied as a whole. */
export function writeJob(stream: Duplex, code: string, files: readonly { name: string; content: Uint8Array }[]): void {
  const entries = files.map(({ name, content }) => ({ name, size: content.byteLength }));
  // A lone surrogate in the code would end up as a replacement character: the same text the model wrote, made well-formed.
  stream.write(toLine({ code: Buffer.from(code, 'utf8').toString('utf8'), files: entries }));
  for (const { content } of files) stream.write(content);
}

/** @throws when the jail's answer is not one; the code may have written it. */
export async function readOutcome(stream: Duplex, limits: PythonLimits): Promise<JobOutcome> {
  const { files: entries, ...outcome } = outcomeSchema.parse(await readLine(stream));
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (entries.length > limits.outputFiles || total > limits.outputFileBytes) {
    throw new Error(`the interpreter announced ${entries.length} files of ${total} bytes together`);
  }
  const files: { name: string; content: Uint8Array }[] = [];
  for (const { name, size } of entries) files.push({ name, content: await readExactly(stream, size) });
  return { ...outcome, files };
}
