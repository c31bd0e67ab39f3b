/** A TCP proxy to a server on this machine that can fall silent, as a network does. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export interface SilentProxy {
  readonly address: string;
  /** From now on bytes are taken and nothing comes back. */
  swallow(): void;
  close(): Promise<void>;
}

/** @param target `host:port` */
export async function startSilentProxy(target: string): Promise<SilentProxy> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  let silent = false;
  const proxy: Server = createServer((client) => {
    const upstream = connect(Number(port), host ?? '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk) => (silent ? undefined : upstream.write(chunk)));
    upstream.on('data', (chunk) => (silent ? undefined : client.write(chunk)));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    swallow: () => {
      silent = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        proxy.close(() => resolve());
      });
    },
  };
}
