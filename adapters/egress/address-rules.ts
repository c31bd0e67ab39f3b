/**
 * Which addresses are the public internet. Everything is decided on parsed addresses, never on text; addresses that carry
 * an IPv4 address inside (mapped, NAT64, 6to4, Teredo) are judged by what they lead to as well.
 */
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Ranges ipaddr.js counts as unicast, or has no name for, that are not for the public. */
const EXTRA_BLOCKED: readonly (readonly [cidr: string, name: string])[] = [
  ['192.0.0.0/24', 'protocol assignments'],
  ['192.31.196.0/24', 'AS112'],
  ['192.52.193.0/24', 'AMT'],
  ['192.88.99.0/24', '6to4 relay'],
  ['192.175.48.0/24', 'AS112'],
  ['198.18.0.0/15', 'benchmarking'],
  ['168.63.129.16/32', 'cloud platform service'],
  ['100::/64', 'discard'],
  ['2001::/23', 'protocol assignments'],
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'],
  ['5f00::/16', 'segment routing'],
  ['fec0::/10', 'site local'],
  ['64:ff9b:1::/48', 'local NAT64'],
  ['::/96', 'IPv4-compatible'],
];
const extraBlocked = EXTRA_BLOCKED.map(([cidr, name]) => ({ range: ipaddr.parseCIDR(cidr), name }));
/** Global unicast; whatever is outside of it is special. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

function isIn(address: Address, [network, bits]: [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

function embeddedAt(bytes: readonly number[], offset: number, mask = 0): ipaddr.IPv4 {
  return new ipaddr.IPv4(bytes.slice(offset, offset + 4).map((byte) => byte ^ mask));
}

/** The IPv4 addresses an IPv6 address leads to, by the transition mechanisms. */
function embeddedAddresses(address: ipaddr.IPv6): readonly ipaddr.IPv4[] {
  if (address.isIPv4MappedAddress()) return [address.toIPv4Address()];
  const bytes = address.toByteArray();
  switch (address.range()) {
    case 'rfc6052':
    case 'rfc6145':
      return [embeddedAt(bytes, 12)];
    case '6to4':
      return [embeddedAt(bytes, 2)];
    case 'teredo':
      return [embeddedAt(bytes, 4), embeddedAt(bytes, 12, 0xff)];
    default:
      return [];
  }
}

/** Mapped and NAT64 addresses reach the IPv4 address inside, so they may pass when that one may. */
const PASSES_AS_IPV4 = new Set(['ipv4Mapped', 'rfc6052']);

/** @returns why the address is not public, or null when it is. */
function findReason(address: Address): string | null {
  const special = extraBlocked.find(({ range }) => isIn(address, range));
  if (special !== undefined) return special.name;
  const range = address.range();
  if (address instanceof ipaddr.IPv4) return range === 'unicast' ? null : range;
  for (const inner of embeddedAddresses(address)) {
    const reason = findReason(inner);
    if (reason !== null) return `${range} of ${reason}`;
  }
  if (PASSES_AS_IPV4.has(range)) return null;
  if (range !== 'unicast') return range;
  return isIn(address, GLOBAL_UNICAST) ? null : 'outside global unicast';
}

/** @returns null for a public address, else the kind of address it is (`loopback`, `private`, …). */
export function reasonNotPublic(address: string): string | null {
  if (!ipaddr.isValid(address)) return 'unreadable';
  return findReason(ipaddr.parse(address));
}

/** The address as compared with allow rules: without zone, mapped IPv4 as IPv4. Null for what is no address. */
export function normalAddress(text: string): Address | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : null;
}
