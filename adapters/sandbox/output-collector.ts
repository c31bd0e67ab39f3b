/** Keeps what the code prints, up to one budget over both streams; reads on beyond it, so that the code never blocks. */
import type { Readable } from 'node:stream';

export interface OutputCollector {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly truncated: () => boolean;
}

export function collectOutput(stdout: Readable, stderr: Readable, maxBytes: number): OutputCollector {
  let left = maxBytes;
  let truncated = false;
  const keep = (stream: Readable): (() => string) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      if (chunk.length > left) truncated = true;
      if (left > 0) chunks.push(Buffer.from(chunk.subarray(0, left)));
      left -= Math.min(left, chunk.length);
    });
    return () => Buffer.concat(chunks).toString('utf8');
  };
  return { stdout: keep(stdout), stderr: keep(stderr), truncated: () => truncated };
}
