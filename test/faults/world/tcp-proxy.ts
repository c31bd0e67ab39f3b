/** A TCP proxy on loopback whose connections can be cut, delayed, or left half open, as a network does it. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export type LinkState =
  | { readonly kind: 'open' }
  /** Bytes wait this long, in order. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Connections stand, bytes are taken, nothing comes through. */
  | { readonly kind: 'half-open' }
  /** Every connection is cut, and every new one. */
  | { readonly kind: 'cut' };

export interface TcpProxy {
  readonly port: number;
  set(state: LinkState): void;
  /** Cuts what is connected now; new connections work. */
  cutOnce(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: () => number): Promise<TcpProxy> {
  let state: LinkState = { kind: 'open' };
  const pairs = new Set<readonly [Socket, Socket]>();
  const cutAll = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const server = createServer((client) => {
    if (state.kind === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect(targetPort(), '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    pipe(client, upstream, () => state);
    pipe(upstream, client, () => state);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    set(next) {
      state = next;
      if (next.kind === 'cut') cutAll();
    },
    cutOnce: cutAll,
    close: () => {
      cutAll();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function pipe(from: Socket, to: Socket, state: () => LinkState): void {
  let last = Promise.resolve();
  from.on('data', (chunk) => {
    const now = state();
    // What was swallowed is gone: a connection that was half open never carries a whole conversation again.
    if (now.kind === 'half-open') return;
    if (now.kind !== 'slow') {
      to.write(chunk);
      return;
    }
    last = last.then(
      () =>
        new Promise((resolve) => {
          setTimeout(() => {
            to.write(chunk);
            resolve();
          }, now.delayMs);
        }),
    );
  });
  from.on('end', () => void last.then(() => to.end()));
}
