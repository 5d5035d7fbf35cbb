import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayHoldSecret } from './redaction-gate.js';
import { REDACTION_RULES, redact, redactText } from './redaction.js';
import { packageRoot } from './root.js';

/** Run by the collector's Go tests too. A text comes in pieces so that no scanner takes the file for a leak. */
interface Vector {
  readonly name: string;
  readonly input: readonly string[];
  readonly output: string;
  readonly counts: Readonly<Record<string, number>>;
}
const VECTORS = JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.vectors.json'), 'utf8')) as Vector[];

describe('redact', () => {
  it.each(VECTORS)('$name', ({ input, output, counts }) => {
    expect(redact(input.join(''))).toEqual({ text: output, counts });
  });

  it('has a vector for each rule', () => {
    const names = new Set(VECTORS.map((vector) => vector.name));
    expect(REDACTION_RULES.map((rule) => rule.name).filter((name) => !names.has(name))).toEqual([]);
  });

  it('replaces long keys and tokens to their end', () => {
    const pem = '-----BEGIN RSA PRIVATE ' + 'KEY-----\n' + 'FAKE+/00\n'.repeat(400) + '-----END RSA PRIVATE KEY-----';
    expect(redactText(pem)).toBe('[REDACTED:private-key]');
    const jwt = `eyJ${'FAKE'.repeat(20)}.eyJ${'FAKE'.repeat(700)}.${'FAKE'.repeat(80)}`;
    expect(redactText(jwt)).toBe('[REDACTED:jwt]');
  });

  it('leaves ordinary text unchanged', () => {
    for (const text of [
      'Input matches denied pattern "rm -rf"',
      'agentshield.scan',
      'Hook has 19 chained commands',
      'https://example.test/a:b/c',
      'Prevents destructive filesystem operations',
      'secrets-anthropic-api-key-85::CLAUDE.md::sha256:0123456789abcdef',
      '"integrity": "sha512-FAKE0000fake0000+/FAKE0000fake0000FAKE0000fake0000FAKE0000fake0000FAKE0000fake0000=="',
      '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
    ]) {
      expect(redactText(text)).toBe(text);
    }
  });

  it('leaves source code unchanged that only names the origin of a secret', () => {
    for (const text of [
      'const openingBraceToken = secondTokenAfterArrow;',
      'lastSignificantToken = match2[0];',
      'AdminAPIKeys: admin_api_keys_1.AdminAPIKeys,',
      'secret_key = base64url_encode(os.urandom(16))',
      'password: Optional[str] = None,',
      'passwords: dict[str, str | None],',
      'def f(username: str | None, password: HiddenText | None)',
      '$password = [NetworkCredential]::new("", $x).Password',
      'out.Password = (*string)(unsafe.Pointer(in.Password))',
      'secret: corev1.Secret{',
      'secrets := []corev1.Secret{}',
      'secretIDs := localSecretIDsRaw.(bool)',
      'withXSRFToken: defaultToConfig2,',
      'oauth1_client_cls = FlaskOAuth1App',
      'secret: utils$1.getSafeProp(auth)',
      'POLICY_CREATE_SECRET = 0x00000020',
      '"token-counting-2024-11-01": "token-counting-2024-11-01"',
      ':param password: database password.  Is typically a string',
      'ClientToken: "hmac-sha256:08ba357e274f528065766c770a639abf6809b39ccfd37c2a3157c7f51954da0a"',
      'authorization: "https://account.box.example/api/oauth2/authorize",',
      'regex: (secret)(=|:)[\'"](?P<secret>[0-9a-zA-Z]{8,64})',
      'INVALID_PASSWORD:"auth/wrong-password",',
      'cpe:2.3:a:passwd:base-passwd:3.5.43:*:*:*:*:*:*:*',
      "if (key?.startsWith('-----BEGIN PGP PRIVATE KEY BLOCK-----')) {",
      'sk-ecdsa-sha2-nistp256@openssh',
      'github.com/ktrysmt/go-bitbucket v0.6.4 h1:C8dUGp0qkwncKtAnozHCbbqhptefzEd1I0sfnuy9rYQ=',
      'certificate-authority-data: ' +
        Buffer.from('-----BEGIN CERTIFICATE-----\nMIIFAKE0000FAKE0000').toString('base64'),
      'secretOrPublicKey = discoverOAuthServerInfo;',
      'response did not include a valid Bearer access_token")',
    ]) {
      expect(redactText(text)).toBe(text);
    }
  });

  it('masks exactly the known values of the clean sample', () => {
    const packages = JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.clean.json'), 'utf8')) as Record<
      string,
      string[]
    >;
    const lines = Object.values(packages).flat();
    expect(lines.length).toBe(2_739);
    expect(lines.filter((line) => redactText(line) !== line)).toHaveLength(11);
  });

  it('masks random values of any alphabet under the names of secrets', () => {
    for (const value of [
      'Zk8m' + 'Qv4Rt2Lx',
      '0bc57212c3cbbec6' + '9d20b34c507284bd300def5b',
      'JBSWY3DP' + 'EHPK3PXP',
      'hh5s93j4' + 'hdidpola',
      'wJalrXUtnFEMI/K7MDENG/' + 'bPxRfiCYzzzzzzzzzz',
    ]) {
      for (const text of [
        `API_TOKEN=${value}`,
        `"apiKey": "${value}"`,
        `token := "${value}"`,
        `--auth-token ${value}`,
        `password: ${value}`,
      ])
        expect(redactText(text), text).not.toContain(value);
    }
  });

  it('is idempotent', () => {
    const piece = fc.oneof(fc.constantFrom(...VECTORS.map(({ input }) => input.join(''))), fc.string());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const once = redactText(pieces.join(' '));
        expect(redactText(once)).toBe(once);
      }),
    );
  });

  it('finds a secret in any surroundings, unless it continues a word', () => {
    const secrets = VECTORS.filter(({ name }) => REDACTION_RULES.some((rule) => rule.name === name)).map(({ input }) =>
      input.slice(1, -1).join(''),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(...secrets),
        fc.string({ unit: 'binary' }),
        (before, secret, after) => {
          expect(redactText(`${before}\n${secret}\n${after}`)).not.toContain(secret);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has only patterns that RE2 reads alike: bounded, without look-around, back-references, flags or Unicode classes', () => {
    for (const { name, pattern = '', except = '', keywords } of REDACTION_RULES) {
      for (const source of [pattern, except]) {
        expect(source, name).not.toMatch(/\(\?[^:]/);
        expect(source, name).not.toMatch(/\\[1-9sSdDwWpPkK]/);
        expect(source.replace(/\\./g, ''), name).not.toMatch(/[*+](?![^[]*\])/);
        for (const [, max] of source.matchAll(/\{\d+,(\d*)\}/g))
          expect(Number(max || Infinity), name).toBeLessThanOrEqual(1000);
      }
      for (const keyword of keywords) expect(keyword, name).toMatch(/^[!-@[-`a-~ ]+$/);
    }
    expect(new Set(REDACTION_RULES.map((rule) => rule.name)).size).toBe(REDACTION_RULES.length);
  });
});

describe('mayHoldSecret', () => {
  it('is true for every text that redact changes', () => {
    const keywords = REDACTION_RULES.flatMap((rule) => rule.keywords);
    const piece = fc.oneof(
      fc.constantFrom(...VECTORS.map(({ input }) => input.join(''))),
      fc
        .tuple(
          fc.constantFrom(...VECTORS.map(({ input }) => input.join(''))),
          fc.constantFrom('base64' as const, 'base64url' as const, 'hex' as const),
        )
        .map(([text, encoding]) => Buffer.from(text).toString(encoding)),
      fc.constantFrom(...keywords, ...keywords.map((keyword) => keyword.toUpperCase())),
      fc.constantFrom(':', '@', '=', 'a:b@', '-u a:b', '0123456789', 'K', 'İ', 'x'),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
        const text = pieces.join('');
        fc.pre(redactText(text) !== text);
        expect(mayHoldSecret(text)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('is false for the names that a hook records', () => {
    const names = [
      '58cb0000-0000-4000-8000-000000000000',
      'Bash',
      'Task',
      'Skill',
      'AskUserQuestion',
      'mcp__files__write',
      'toolu_01FAKE000000abcdefghij',
      'acme/app',
    ];
    expect(names.filter(mayHoldSecret)).toEqual([]);
  });
});
