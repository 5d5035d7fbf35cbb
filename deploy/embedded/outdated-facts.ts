import type { LandingDay } from '#schemas/clickhouse/facts.js';

/** Says in one line which facts were derived before an upgrade, and how to derive them again; undefined if there are none. */
export function describeOutdated(days: readonly LandingDay[]): string | undefined {
  const [first] = days;
  if (first === undefined) return undefined;
  const facts = [...new Set(days.map(({ fact }) => fact))].join(', ');
  const period = days.length === 1 ? first.day : `${days.length} days since ${first.day}`;
  return `${facts} of ${period}: derived before an upgrade; \`shieldwatch facts rebuild\` derives them again, as far as landing holds them`;
}
