import { BlockList, isIP } from 'node:net';

/** Special-purpose addresses of the IANA registries, which are not on the public internet. */
const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];
/** Of the global unicast addresses, those that are special or contain an IPv4 address. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const special = listOf([...SPECIAL_V4, ...SPECIAL_V6]);
const globalUnicast = listOf(['2000::/3']);

/**
 * Creates a list of addresses from `10.0.0.0/8`, `fd00::/8` or single addresses.
 * @throws Error that names the entry.
 */
export function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix, ...rest] = entry.split('/');
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
    if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix ?? '0') || bits > (family === 4 ? 32 : 128))
      throw new Error(`expected IP addresses and networks such as 10.1.0.0/16, received "${entry.slice(0, 50)}"`);
    list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** Returns the IPv4 address inside of `::ffff:a.b.c.d`, in any notation; other addresses unchanged. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  // The URL parser canonicalises: `::ffff:127.0.0.1` becomes `::ffff:7f00:1`.
  const canonical = URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname : '';
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(canonical);
  if (mapped === null) return address;
  const [high, low] = [parseInt(mapped[1] ?? '', 16), parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Returns whether an IP address is in a list; an IPv4-mapped one counts as the IPv4 address. */
export function isListed(list: BlockList, address: string): boolean {
  const judged = unmapped(address);
  return list.check(judged, isIP(judged) === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Returns whether an IP address is on the public internet: no private, loopback, link-local, shared, multicast or
 * otherwise special one, also inside of an IPv6 address. What is no IP address is not public; neither is one with a zone.
 */
export function isPublic(address: string): boolean {
  const judged = unmapped(address);
  const family = isIP(judged);
  if (family === 0 || judged.includes('%')) return false;
  if (special.check(judged, family === 4 ? 'ipv4' : 'ipv6')) return false;
  return family === 4 || globalUnicast.check(judged, 'ipv6');
}
