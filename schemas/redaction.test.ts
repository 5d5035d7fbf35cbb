import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDACTION_RULES, redact, redactText } from './redaction.js';

/** One obviously fake secret per rule, built in pieces so that no scanner takes this file for a leak. */
const FAKE_SECRETS: Record<string, string> = {
  'anthropic-key': 'sk-ant-' + 'api03-FAKE0000FAKE0000',
  'openai-key': 'sk-' + 'FAKE0000FAKE0000FAKE',
  'github-token': 'ghp_' + 'FAKE0000FAKE0000FAKE0000FAKE0000FAKE',
  'github-pat': 'github_pat_' + 'FAKE0000FAKE0000FAKE00',
  'gitlab-token': 'glpat-' + 'FAKE0000FAKE0000',
  'npm-token': 'npm_' + 'FAKE0000FAKE0000FAKE0000',
  'linear-key': 'lin_api_' + 'FAKE0000FAKE0000FAKE0000',
  'stripe-key': 'sk_live_' + 'FAKE0000FAKE0000',
  'xai-key': 'xai-' + 'FAKE0000FAKE0000FAKE0000',
  'google-key': 'AIza' + 'FAKE0000FAKE0000FAKE0000',
  'huggingface-token': 'hf_' + 'FAKE0000FAKE0000FAKE0000',
  'vercel-token': 'vercel_' + 'FAKE0000FAKE0000FAKE0000',
  'aws-access-key': 'AKIA' + 'FAKE0000FAKE0000',
  'slack-token': 'xoxb-' + '0000000000-FAKE',
  'slack-webhook': 'hooks.slack.com/services/' + 'T00000000/B00000000/FAKE0000',
  'shieldwatch-token': 'eccp_' + 'FAKE0000FAKE0000FAKE0000FAKE',
  jwt: 'eyJ' + 'GQUtFMDAwMA.eyJGQUtFMDAwMA.RkFLRTAwMDA',
  'private-key': '-----BEGIN RSA PRIVATE ' + 'KEY-----\nFAKE0000FAKE0000',
  'url-password': 'postgres://app:' + 'fakepassword@',
  'bearer-token': 'Bearer ' + 'FAKE0000FAKE0000',
  'basic-auth-flag': ' -u admin:' + 'fakepassword',
  'assigned-secret': 'DB_PASSWORD=' + 'fake-hunter-0000',
};

describe('redact', () => {
  it.each(REDACTION_RULES.map((rule) => rule.name))('replaces a %s and counts it', (name) => {
    const secret = FAKE_SECRETS[name];
    if (secret === undefined) throw new Error(`no fake secret for ${name}`);
    const { text, counts } = redact(`before ${secret} after`);
    expect(text).not.toContain(secret);
    expect(text).toMatch(/\[REDACTED:[a-z-]+\]/);
    expect(Object.values(counts).reduce((a, b) => a + b, 0)).toBe(1);
    expect(text).toMatch(/^before/);
  });

  it('finds a token that follows an underscore, as in the name of an MCP tool', () => {
    for (const name of ['anthropic-key', 'github-token', 'npm-token', 'stripe-key', 'slack-token', 'aws-access-key', 'jwt']) {
      const secret = FAKE_SECRETS[name] ?? '';
      expect(redactText(`mcp__${secret}`), name).not.toContain(secret);
    }
  });

  it('replaces long keys and tokens to their end', () => {
    const pem = '-----BEGIN RSA PRIVATE ' + 'KEY-----\n' + 'FAKE+/00\n'.repeat(400) + '-----END RSA PRIVATE KEY-----';
    expect(redactText(pem)).toBe('[REDACTED:private-key]-----END RSA PRIVATE KEY-----');
    const jwt = `eyJ${'FAKE'.repeat(20)}.eyJ${'FAKE'.repeat(700)}.${'FAKE'.repeat(80)}`;
    expect(redactText(jwt)).toBe('[REDACTED:jwt]');
  });

  it('leaves ordinary text alone', () => {
    for (const text of [
      'Input matches denied pattern "rm -rf"',
      'agentshield.scan',
      'Hook has 19 chained commands',
      'https://example.test/a:b/c',
      'Prevents destructive filesystem operations',
      'The token is read from the environment',
      'secrets-anthropic-api-key-85::CLAUDE.md::sha256:0123456789abcdef',
      'task-management-service',
    ]) {
      expect(redactText(text)).toBe(text);
    }
  });

  it('is idempotent', () => {
    const piece = fc.oneof(fc.constantFrom(...Object.values(FAKE_SECRETS)), fc.string());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const once = redactText(pieces.join(' '));
        expect(redactText(once)).toBe(once);
      }),
    );
  });

  it('has only patterns that RE2 takes too: bounded, no look-around, no back-references', () => {
    for (const { name, pattern } of REDACTION_RULES) {
      expect(pattern, name).not.toMatch(/\(\?[=!<]/);
      expect(pattern, name).not.toMatch(/\\[1-9]/);
      expect(pattern.replace(/\\./g, ''), name).not.toMatch(/[*+](?![^[]*\])/);
      for (const [, max] of pattern.matchAll(/\{\d+,(\d*)\}/g)) expect(Number(max || Infinity), name).toBeLessThanOrEqual(1000);
    }
  });
});
