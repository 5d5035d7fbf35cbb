import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isListed, isPublic, listOf } from './addresses.js';

describe('isPublic', () => {
  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.100.100.200',
    '0.0.0.0',
    '192.0.0.192',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:db8::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'localhost',
    '0x7f.1',
    '',
  ])('refuses %s', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '192.169.0.1', '2606:4700:4700::1111', '::ffff:1.1.1.1'])(
    'accepts %s',
    (address) => {
      expect(isPublic(address)).toBe(true);
    },
  );

  it('judges every IPv4-mapped address as the IPv4 address, in any notation', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = `::ffff:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        expect([isPublic(`::ffff:${address}`), isPublic(hex), isPublic(hex.toUpperCase())]).toEqual(
          Array(3).fill(isPublic(address)),
        );
      }),
    );
  });
});

describe('a list of addresses', () => {
  it('has the addresses of its networks, also mapped ones', () => {
    const list = listOf(['10.1.0.0/16', '127.0.0.1', 'fd00::/8']);
    expect(['10.1.2.3', '::ffff:10.1.2.3', '127.0.0.1', 'fd12::1'].every((each) => isListed(list, each))).toBe(true);
    expect(['10.2.0.1', '127.0.0.2', 'fe80::1', '::1'].some((each) => isListed(list, each))).toBe(false);
  });

  it.each(['10.0.0.0/33', 'example.com', '10.0.0.0/8/8', '10.0.0/8', '::/129', '10.0.0.0/x', '10.0.0.0/'])(
    'refuses the entry %s',
    (entry) => {
      expect(() => listOf([entry])).toThrow(/expected IP addresses and networks/);
    },
  );
});
