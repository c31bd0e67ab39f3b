/** What an operator opens on purpose: `host`, `host:port`, an address, or a network (`10.1.0.0/16`, `[fd00::]/8:443`). */
import type ipaddr from 'ipaddr.js';
import { failure } from '../../domain/failures.js';
import { normalAddress } from './address-rules.js';

interface AllowRule {
  /** Lower-case name without a trailing dot, or null for a network. */
  readonly host: string | null;
  readonly network: [ipaddr.IPv4 | ipaddr.IPv6, number] | null;
  readonly port: number | null;
}

export interface AllowList {
  /** Is this name opened for this port, wherever it resolves to? */
  allowsHost(host: string, port: number): boolean;
  allowsAddress(address: string, port: number): boolean;
}

/** The bound comes first: what follows tries colons in every way. */
const ENTRY =
  /^(?=.{1,300}$)(?<host>\[[0-9a-f:.]+\]|[^\s:/[\]]+|[0-9a-f:]*:[0-9a-f:.]*:[0-9a-f:.]*)(?:\/(?<bits>\d{1,3}))?(?::(?<port>\d{1,5}))?$/i;

function invalid(entry: string, why: string): Error {
  const remedy = 'write host, host:port, an address, or a network such as 10.1.0.0/16';
  return failure('request.invalid', `egress.allow: '${entry}' ${why}; ${remedy}`, { param: 'egress.allow' });
}

function parsePort(entry: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const port = Number(text);
  if (port < 1 || port > 65_535) throw invalid(entry, 'has a port outside 1 to 65535');
  return port;
}

function parseRule(entry: string): AllowRule {
  const { host: name, bits, port: portText } = ENTRY.exec(entry.trim())?.groups ?? {};
  if (name === undefined) throw invalid(entry, 'is not understood');
  const port = parsePort(entry, portText);
  const address = normalAddress(name);
  if (address === null) {
    if (bits !== undefined) throw invalid(entry, 'has a network size behind a name');
    return { host: canonicalHost(name), network: null, port };
  }
  const widest = address.kind() === 'ipv4' ? 32 : 128;
  const size = bits === undefined ? widest : Number(bits);
  if (size > widest) throw invalid(entry, `has a network size above ${widest}`);
  return { host: null, network: [address, size], port };
}

export function canonicalHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}

/** @throws `request.invalid` for an entry that is not understood: a typo must not close or open anything silently. */
export function parseAllowList(entries: readonly string[]): AllowList {
  const rules = entries.map(parseRule);
  return {
    allowsHost: (host, port) =>
      rules.some((rule) => rule.host === canonicalHost(host) && (rule.port === null || rule.port === port)),
    allowsAddress: (text, port) => {
      const address = normalAddress(text);
      if (address === null) return false;
      return rules.some(({ network, port: only }) => {
        if (network === null || (only !== null && only !== port)) return false;
        return address.kind() === network[0].kind() && address.match(network[0], network[1]);
      });
    },
  };
}
