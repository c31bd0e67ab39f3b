/** Connects only to addresses that may be reached: the address that was checked is the one that is connected to. */
import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { Failure } from '../../domain/failures.js';
import { failure, toError } from '../../domain/failures.js';
import { reasonNotPublic } from './address-rules.js';
import type { AllowList } from './allow-list.js';

/** Name -> all its addresses. Tests inject one that changes its mind. */
export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>;

export const resolveWithSystem: ResolveHost = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });

export interface AddressGuard {
  /** @returns the failure to throw, or null when the address may be reached under this name. */
  check(host: string, address: string, port: number): Failure | null;
}

export function createAddressGuard(allow: AllowList): AddressGuard {
  return {
    check: (host, address, port) => {
      if (allow.allowsHost(host, port) || allow.allowsAddress(address, port)) return null;
      const reason = reasonNotPublic(address);
      if (reason === null) return null;
      const target = host === address ? host : `${host} (${address})`;
      return failure(
        'egress.blocked',
        `${target} may not be reached: its address is not on the public internet (${reason}). An operator can open it with egress.allow: ["${host.includes(':') ? `[${host}]` : host}:${port}"]`,
      );
    },
  };
}

export function createGuardedConnector(
  guard: AddressGuard,
  resolveHost: ResolveHost,
  connectTimeoutMs: number,
): buildConnector.connector {
  return (options, callback) => {
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
    const host = options.hostname.replace(/^\[|\]$/g, '');
    // Names go through here; literal addresses were checked before, and all are checked once more on the open socket.
    const lookup: LookupFunction = (hostname, lookupOptions, done) => {
      resolveHost(hostname).then(
        (addresses) => {
          // One forbidden address among good ones is how rebinding looks: the name is refused as a whole.
          const [refusal] = addresses
            .map(({ address }) => guard.check(host, address, port))
            .filter((found) => found !== null);
          const [first] = addresses;
          if (refusal !== undefined) done(refusal, '', 4);
          else if (first === undefined) done(failure('egress.unreachable', `${host} has no address`), '', 4);
          else if (lookupOptions.all === true) done(null, [...addresses]);
          else done(null, first.address, first.family);
        },
        (error: unknown) => {
          done(toError(error), '', 4);
        },
      );
    };
    const connect = buildConnector({ timeout: connectTimeoutMs, lookup, maxCachedSessions: 0, allowH2: false });
    connect(options, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      const refusal = guard.check(host, socket.remoteAddress ?? '', port);
      if (refusal === null) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(refusal, null);
    });
  };
}
