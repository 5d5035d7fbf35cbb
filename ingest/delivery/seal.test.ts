import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSecretsKey, secretsKeyInMemory } from './seal.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shieldwatch-secrets-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a secrets key', () => {
  it('opens what it sealed, for the same owner and unchanged only', () => {
    const [key, other] = [secretsKeyInMemory(), secretsKeyInMemory()];
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, at) => {
        const sealed = key.seal(text, 'org_a\0one');
        expect(key.open(sealed, 'org_a\0one')).toBe(text);
        expect(key.seal(text, 'org_a\0one')).not.toBe(sealed);
        const bytes = Buffer.from(sealed, 'base64');
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 1;
        for (const open of [
          () => key.open(sealed, 'org_a\0two'),
          () => other.open(sealed, 'org_a\0one'),
          () => key.open(bytes.toString('base64'), 'org_a\0one'),
          () => key.open(sealed.slice(0, 8), 'org_a\0one'),
        ])
          expect(open).toThrow('cannot be opened');
      }),
    );
  });

  it('is made once in a folder, readable by its owner only, and is the same at the next start', async () => {
    const first = openSecretsKey(folder, undefined);
    const sealed = first.seal('text', 'owner');
    const again = openSecretsKey(folder, '');
    expect([again.id, again.open(sealed, 'owner')]).toEqual([first.id, 'text']);
    expect((await stat(join(folder, 'secrets.key'))).mode & 0o777).toBe(0o600);
    expect(first.id).not.toContain((await readFile(join(folder, 'secrets.key'), 'utf8')).slice(0, 8));
  });

  it('may be given, and is refused by the name of its source when it is none', async () => {
    const given = randomBytes(32).toString('base64');
    expect(openSecretsKey(folder, given).id).toBe(openSecretsKey('/nowhere', `${given}\n`).id);
    for (const wrong of ['short', randomBytes(31).toString('base64'), 'x'.repeat(44)])
      expect(() => openSecretsKey(folder, wrong)).toThrow('SHIELDWATCH_SECRETS_KEY: expected base64 of 32 bytes');
    await writeFile(join(folder, 'secrets.key'), 'cut off');
    expect(() => openSecretsKey(folder, undefined)).toThrow(/secrets\.key: expected base64/);
  });
});
