import type { Notice } from './notice.js';

/** Characters that are invisible or change the order of what is seen. */
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
/** Invisible, and no line break: separates a sign from what would give it a meaning. */
const JOINER = '\u2060';

/** Returns untrusted text as one line without invisible and bidirectional characters and half surrogate pairs. */
export function visible(text: string): string {
  return wellFormed(text).replaceAll(INVISIBLE, ' ').replaceAll(/\s+/g, ' ').trim();
}

/** UTF-8 cannot encode half a surrogate pair: it becomes U+FFFD. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

/**
 * Returns untrusted text for people: one line of at most `max` characters without invisible and bidirectional ones, and
 * without anything that a service would make a link.
 */
export function display(text: string, max: number): string {
  const line = visible(text)
    .replaceAll(/:\s?\/\s?\//g, '[:]//')
    .replaceAll(/\b(mailto|tel|javascript|data|slack|xmpp|msteams):/gi, '$1[:]')
    .replaceAll(/\bwww\./gi, 'www[.]');
  return cut(line, max);
}

/** Like {@link display}, and no mention, issue reference or closing word of any service remains. */
export function displayUnmentioned(text: string, max: number): string {
  return cut(
    display(text, max)
      .replaceAll(/[@\uff20\ufe6b]/g, `@${JOINER}`)
      .replaceAll(/[#\uff03\ufe5f](?=[\p{L}\p{N}_])/gu, `#${JOINER}`)
      .replaceAll(/!(?=\d)/g, `!${JOINER}`)
      .replaceAll(/\b(GH|[A-Za-z][A-Za-z0-9_]{0,20})-(?=\d)/g, `$1-${JOINER}`),
    max,
  );
}

/** Cuts text to `max` UTF-16 units without half a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

const WORDS: Readonly<Record<Notice['kind'], string>> = {
  firing: 'FIRING',
  resolved: 'RESOLVED',
  digest: 'DIGEST',
  test: 'TEST',
  acknowledged: 'ACKNOWLEDGED',
};

/** One line about a notice. Untrusted. */
export function headline(notice: Notice): string {
  const about = notice.repository === null ? notice.organisation : notice.repository;
  return `[${WORDS[notice.kind]}] ${notice.severity}: ${notice.title} (${about})`;
}

/** What a notice says, as names and values. Untrusted; in the order in which people read it. */
export function facts(notice: Notice): [name: string, value: string][] {
  const rows: [string, string][] = [
    ['Summary', notice.summary],
    ['Repository', notice.repository ?? '(the organisation)'],
    ['Organisation', notice.organisation],
    ['Severity', notice.severity],
    ['Rule', notice.rule],
    ['Episode', String(notice.episode)],
    ['Since', notice.since],
  ];
  if (notice.until !== null) rows.push(['Until', notice.until]);
  if (notice.value !== null) rows.push(['Value', String(notice.value)]);
  if (notice.threshold !== null) rows.push(['Threshold', String(notice.threshold)]);
  if (notice.windowSeconds !== null) rows.push(['Window', `${String(notice.windowSeconds)} s`]);
  if (notice.suppressed > 0) rows.push(['Suppressed since the last notice', String(notice.suppressed)]);
  for (const [name, value] of Object.entries(notice.labels)) rows.push([`Label ${name}`, value]);
  for (const member of notice.members)
    rows.push([
      member.severity,
      `${member.title} (${member.repository ?? notice.organisation}), since ${member.since}`,
    ]);
  if (notice.more > 0) rows.push(['More', `${String(notice.more)} others are not listed`]);
  return rows;
}

/** Links of a notice that this gateway made, by their names. Absolute, with every character that a markup could read encoded. */
export function links(notice: Notice, publicUrl: string | undefined): [name: string, url: string][] {
  const names = { board: 'Board', explain: 'Explain', runbook: 'Runbook' } as const;
  return (['board', 'explain', 'runbook'] as const).flatMap((each): [string, string][] => {
    const url = absolute(notice.links[each], publicUrl);
    return url === undefined ? [] : [[names[each], url]];
  });
}

function absolute(link: string | null, publicUrl: string | undefined): string | undefined {
  if (link === null || (publicUrl === undefined && link.startsWith('/'))) return undefined;
  if (!URL.canParse(link, publicUrl)) return undefined;
  const url = new URL(link, publicUrl);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  return url.href.replaceAll(
    /[<>"'`()[\]{}|\\^*_~!\s]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
