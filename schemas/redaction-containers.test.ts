import { describe, expect, it } from 'vitest';
import { BEYOND, CONTAINERS, isMissed, KEPT, MASKED, SECRETS, SUPPRESSED } from './testing/redaction-containers.js';
import { redactText } from './redaction.js';

describe('a secret of each kind', () => {
  it.each(Object.entries(CONTAINERS))('is found in this container: %s', (_, container) => {
    expect(SECRETS.filter(({ secret }) => isMissed(redactText, container, secret)).map(({ kind }) => kind)).toEqual([]);
  });

  it('is found or missed as in the committed table, which may only improve', async () => {
    const containers = { ...CONTAINERS, ...BEYOND };
    const signOf =
      (secret: string) =>
      (container: (secret: string) => string): string =>
        isMissed(redactText, container, secret) ? '-' : '+';
    const kinds = SECRETS.map(
      ({ kind, secret }) => [kind, Object.values(containers).map(signOf(secret)).join('')] as const,
    );
    const missed = Object.keys(BEYOND).map(
      (name, index) =>
        [name, kinds.filter(([, signs]) => signs[Object.keys(CONTAINERS).length + index] === '-').length] as const,
    );
    expect(missed.filter(([name, count]) => count > (MOST_MISSED[name] ?? 0))).toEqual([]);
    const table = {
      legend: '+ found, - missed; one sign for each container, in their order',
      containers: Object.keys(containers),
      kinds: Object.fromEntries(kinds),
    };
    await expect(`${JSON.stringify(table, null, 2)}\n`).toMatchFileSnapshot('redaction.containers.json');
  });
});

/** Kinds that are missed in what is not promised: numbers that may only go down, but for a kind that is added. */
const MOST_MISSED: Readonly<Record<string, number>> = { 'base64 of gzip': 160, 'split by a line break': 156 };

describe('a text as it stands in logs', () => {
  it.each(MASKED)('loses its secret: $name', ({ text, secret }) => {
    expect(text).toContain(secret);
    expect(redactText(text)).not.toContain(secret);
  });

  it('loses its secret beside any word that suppresses detectors', () => {
    expect(SUPPRESSED.filter(({ text, secret }) => redactText(text).includes(secret)).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it.each(KEPT)('is unchanged: $name', ({ text, keep }) => {
    expect(text).toContain(keep);
    expect(redactText(text)).toBe(text);
  });
});
