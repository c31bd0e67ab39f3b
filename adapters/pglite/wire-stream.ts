/**
 * A socket that is no socket: what the pg client writes goes to the PGlite worker, what PGlite answers is read back. The
 * client pipelines, so queries that are made together cost one exchange with the worker.
 */
import { Duplex } from 'node:stream';
import { toError } from '../../domain/failures.js';
import type { WorkerChannel } from './worker-channel.js';

/** The part of a socket that the pg client uses beyond a stream. */
export interface WireStream extends Duplex {
  connect(): WireStream;
  setNoDelay(): WireStream;
  setKeepAlive(): WireStream;
  ref(): WireStream;
  unref(): WireStream;
}

/** First byte of the message with which a client says goodbye. */
const TERMINATE = 'X'.charCodeAt(0);

/** @returns a stream for one pg client. */
export function createWireStream(channel: WorkerChannel): WireStream {
  let started = false;

  const pending: Buffer[] = [];
  /** What was written in one go is one exchange, however many messages and queries it is. */
  const flush = (): void => {
    const bytes = Buffer.concat(pending.splice(0));
    const kind = started ? 'messages' : 'startup';
    started = true;
    channel.exchange(kind, bytes).then(
      (answer) => {
        // The client may have given up (timeout) while the worker was busy: nobody reads the answer then.
        if (!stream.destroyed && answer.length > 0)
          stream.push(Buffer.from(answer.buffer, answer.byteOffset, answer.length));
      },
      (error: unknown) => stream.destroy(toError(error)),
    );
  };
  const forward = (bytes: Buffer, done: (error?: Error | null) => void): void => {
    if (bytes[0] !== TERMINATE) {
      if (pending.length === 0) queueMicrotask(flush);
      pending.push(bytes);
    }
    done();
  };
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => forward(chunk, done),
    writev: (chunks, done) => forward(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => {
      stream.push(null);
      done();
    },
  });
  const wire: WireStream = Object.assign(stream, {
    connect: (): WireStream => {
      process.nextTick(() => stream.emit('connect'));
      return wire;
    },
    setNoDelay: (): WireStream => wire,
    setKeepAlive: (): WireStream => wire,
    ref: (): WireStream => wire,
    unref: (): WireStream => wire,
  });
  return wire;
}
