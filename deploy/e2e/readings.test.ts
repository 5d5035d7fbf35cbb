import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { readBoards, type BoardLibrary } from '#ingest/boards/board-library.js';
import { collectReport } from '#grafana/report/collect.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { openDataFolder } from '../embedded/data-folder.js';
import { callApi } from '../embedded/machine-api.js';
import { program } from '../program.js';
import { sampleHistories, Sender, stageAt } from '../testing/readings/history.js';
import {
  alertPlaces,
  apiPlaces,
  boardPlaces,
  commandPlaces,
  isNamedBy,
  metricPlaces,
  OTHER_PLACES,
  prometheusPlaces,
  seriesPlaces,
} from '../testing/readings/places.js';
import { disagreements, playHistories, type Played } from '../testing/readings/play.js';
import { READINGS } from '../testing/readings/quantities.js';
import { Reference } from '../testing/readings/reference.js';
import { rangeOf, ReportSubject, type Subject } from '../testing/readings/subject.js';
import { runReport } from '../report.js';

/** Histories that are played; \`npm run soak -- readings 200\` plays more. */
const HISTORIES = 20;
const CLI = join(packageRoot(), 'dist/deploy/cli.js');
const SEED = 17;

let gateway: TestGateway;
let library: BoardLibrary;
let played: Played;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  library = await readBoards();
  played = await playHistories(gateway, library, stageAt(Date.now()), sampleHistories(HISTORIES, SEED), 'readings');
}, 1_200_000);
afterAll(() => gateway.close());

describe('all readings of a quantity', () => {
  it('agree with a plain count over the history', async () => {
    expect(await disagreements(played)).toEqual([]);
  }, 1_200_000);

  it('agree in the report', async () => {
    const [, sender] = played.senders;
    if (sender === undefined) throw new Error('nothing was played');
    const url = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
    const { boards } = await collectReport(
      { url, headers: { authorization: `Bearer ${sender.token}` } },
      { boards: ['all'], range: rangeOf(played.stage, 'hours'), variables: {} },
    );
    expect(boards.map(({ board }) => board.uid)).toEqual(library.all().map(({ uid }) => uid));
    // Panels of one repository show the first; other ranges are other reports.
    const ofBoards = READINGS.filter(
      ({ of, shows }) => shows.every((place) => /^panel:(?!repository)/.test(place)) && !/\((short|days)\)$/.test(of),
    );
    const panels = new Map(
      boards.flatMap(({ board, panels: answers }) =>
        Object.entries(answers).map(([panel, answer]) => [
          `${board.uid.replace('shieldwatch-', '')}/${panel.split(' ')[0] ?? ''}`,
          answer,
        ]),
      ),
    );
    const subjectOf = (): Subject => new ReportSubject(gateway, library, sender, played.stage, panels);
    expect(
      await disagreements(
        { ...played, senders: [sender], histories: played.histories.slice(1, 2) },
        { readings: ofBoards, subjectOf },
      ),
    ).toEqual([]);
  }, 600_000);

  it('are listed: every displayed number belongs to a quantity, or is named with a reason', async () => {
    const metrics = await gateway.app.inject({ url: '/metrics' });
    const places = [
      ...apiPlaces((await gateway.app.inject({ url: '/openapi.json' })).json()),
      ...seriesPlaces(),
      ...boardPlaces(library),
      ...(await alertPlaces()),
      ...commandPlaces(program()),
      ...metricPlaces(metrics.body),
      ...prometheusPlaces(),
    ];
    const patterns = [...READINGS.flatMap(({ shows }) => shows), ...Object.values(OTHER_PLACES).flat()];
    expect(places.filter((place) => !patterns.some((pattern) => isNamedBy(pattern)(place)))).toEqual([]);
    // Nor is anything on it that shows nowhere.
    expect(patterns.filter((pattern) => !places.some(isNamedBy(pattern)))).toEqual([]);
  });
});

/** A fault: what the text of queries says, what it says instead, and the quantity that is then wrong. */
const FAULTS: Readonly<Record<string, readonly [from: string | RegExp, to: string, of: RegExp]>> = {
  'calls that were asked about count as blocked': [/sum\(blocked\)/g, 'sum(blocked + asked)', /^calls/],
  'a scan of no file counts': [/files_scanned > 0/g, 'files_scanned >= 0', /^(score|findings that the newest)/],
  'the oldest scan is the newest': [
    /ORDER BY repo, occurred_at DESC/g,
    'ORDER BY repo, occurred_at ASC',
    /^findings that the newest/,
  ],
  'what is resolved stands open': [/HAVING last_change = 1/g, 'HAVING last_change != 0', /^findings that stand open/],
  'an acceptance has no effect': [/a\.critical AS accepted_critical/g, '0 AS accepted_critical', /^routes/],
  'what was decided about a review still blocks': [/d\.decided != 1/g, 'true', /^routes/],
  'injections recognised by their text are left out of the alert': [
    /\(decision = 'block' AND rule_category = 'injection' OR [^]*?instructions'\)\)/g,
    "(decision = 'block' AND rule_category = 'injection')",
    /^injection/,
  ],
  'every judgement counts': [/HAVING count\(\) > 1\n/g, 'HAVING count() > 1000\n', /^calls/],
  'a secret that is gone is exposed': [/countIf\(is_open\)/g, 'count()', /^episodes/],
  'a drift that is no regression is worse': [/if\(is_regression, 'worse', 'not worse'\)/g, "'worse'", /^drifts/],
  'who never reported is no blind spot': [/WHERE state != 'reporting'/g, "WHERE state = 'silent'", /^producers/],
  'a fix is a finding that appeared': [
    /sum\(new\) AS appeared/g,
    'sum(new + fixes) AS appeared',
    /^findings that appeared/,
  ],
};

describe('detects a fault in the definition of', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each(Object.entries(FAULTS))(
    '%s',
    async (_, [from, to, of]) => {
      const { client } = gateway.store;
      const query = client.query.bind(client);
      let changed = 0;
      vi.spyOn(client, 'query').mockImplementation((params) => {
        const mutated = params.query.replaceAll(from, to);
        if (mutated !== params.query) changed += 1;
        return query({ ...params, query: mutated });
      });
      const found = await disagreements(played, {
        readings: READINGS.filter((reading) => of.test(reading.of)),
        most: 1,
      });
      expect(changed).toBeGreaterThan(0);
      expect(found).toHaveLength(1);
    },
    600_000,
  );
});

/** Faults seeded in the store's views: the view, the text that is replaced, its replacement, and the readings that must differ. */
const VIEW_FAULTS: readonly (readonly [view: string, from: string, to: string, shows: RegExp])[] = [
  ['blocked_command_rate_hour', 'blocked, asked,', 'asked AS blocked, asked,', /^series:blocked_command_rate\/hour/],
  ['blocked_command_rate_week', 'toMonday(', 'toStartOfMonth(', /^series:blocked_command_rate\/week/],
  ['blocked_command_rate_org_day', 'sum(d.blocked)', 'max(d.blocked)', /^series:blocked_command_rate_org\/day/],
  ['repo_route', "p.is_policy_failed, 'policy-review', ", '', /^series:repo_route\.route/],
  ['repo_route', "p.is_regressed, 'baseline-regression', ", '', /^series:repo_route\.route/],
  ['repo_route', "p.risky_packages > 0, 'supply-chain-review', ", '', /^series:repo_route\.route/],
  ['drift_history_day', 'sum(h.regressions)', 'sum(h.drifts)', /^series:drift_history\/day/],
  ['score_trend_day', 'min(h.score_min)', 'max(h.score_min)', /^series:score_trend\/day/],
  ['injection_attempt_rate_org_day', 'sum(i.attempts)', 'sum(i.decisions)', /^series:injection_attempt_rate_org\/day/],
  ['open_finding', '= 1', '!= 0', /^series:open_finding\./],
  ['open_finding_day', 'sum(s.accepted)', 'sum(s.muted)', /^series:open_finding\/day/],
  ['open_review_item_org_hour', 'countIf(step = -1)', 'countIf(step = -2)', /^series:open_review_item_org\/hour/],
  ['accepted_finding', "state = 'accepted'", "state = 'muted'", /^panel:fleet\/9/],
  ['finding_lifecycle_org_week', 'sum(d.fixed)', 'sum(d.new)', /^series:finding_lifecycle_org\/week/],
  ['scan', 'FINAL', 'FINAL WHERE files_scanned > 0', /^panel:repository\/12/],
];

describe('detects a fault in the view', () => {
  it.each(VIEW_FAULTS)(
    '%s: %s',
    async (view, from, to, shows) => {
      const { client } = gateway.store;
      const [stored] = await selectRows<{ sql: string }>(
        client,
        'SELECT as_select AS sql FROM system.tables WHERE database = currentDatabase() AND name = {view:String}',
        { view },
      );
      const sql = stored?.sql ?? '';
      const define = (text: string) => client.command({ query: `CREATE OR REPLACE VIEW ${view} AS ${text}` });
      expect(sql).toContain(from);
      await define(sql.replaceAll(from, to));
      try {
        const readings = READINGS.filter((reading) => reading.shows.some((place) => shows.test(place)));
        expect(readings.length).toBeGreaterThan(0);
        expect(await disagreements(played, { readings, most: 1 })).toHaveLength(1);
      } finally {
        await define(sql);
      }
    },
    600_000,
  );
});

describe('what the commands print', () => {
  it('equals a plain count over the history', async () => {
    const path = await mkdtemp(join(tmpdir(), 'shieldwatch-readings-'));
    const folder = await openDataFolder(path);
    try {
      const number = 1;
      const sender = played.senders[number];
      if (sender === undefined) throw new Error('nothing was played');
      folder.serve((_method, _path, body) => callApi(gateway.app, sender.id, body));
      /** Runs the real command, and reads its columns. */
      const printed = async (...words: string[]): Promise<string[][]> => {
        const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...words, '--data-dir', path]);
        return stdout
          .trim()
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => line.split(/ {2,}/));
      };
      const reference = new Reference(played.histories[number] ?? [], played.stage);
      const listed = await printed('repo', 'list');
      expect(listed.map(([name]) => name)).toEqual(reference.repos);
      const items = reference.reviewItems();
      expect(items.length).toBeGreaterThan(2);
      // Each command starts a process, so that only four repositories are compared.
      for (const repo of reference.repos.slice(0, 4)) {
        expect([repo, (await printed('review', 'list', repo)).map(([, route, status]) => [route, status])]).toEqual([
          repo,
          items.filter((item) => item.repo === repo).map(({ route, status }) => [route, status]),
        ]);
      }
      const scan = reference.newest().find(({ isDetailed }) => isDetailed);
      if (scan === undefined) throw new Error('no newest scan lists its findings');
      await printed('repo', 'baseline', scan.repo);
      expect(await printed('repo', 'compare', scan.repo)).toEqual([
        [`0 new, 0 resolved, ${String(scan.findings.length)} unchanged; score 0`],
      ]);
    } finally {
      await folder.release();
      await rm(path, { recursive: true, force: true });
    }
  }, 120_000);
});

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Mondays, months and changes of clocks of the last half year, in UTC: where buckets of some clock meet. */
function seams(): number[] {
  const today = Math.floor(Date.now() / DAY) * DAY;
  const monday = today - ((new Date(today).getUTCDay() + 6) % 7) * DAY - 7 * DAY;
  const month = Date.UTC(new Date(today).getUTCFullYear(), new Date(today).getUTCMonth() - 1, 1);
  const lastSunday = (of: number): number => {
    const end = Date.UTC(new Date(today).getUTCFullYear(), of + 1, 0);
    return end - new Date(end).getUTCDay() * DAY + HOUR;
  };
  // Clocks in Europe change at 01:00 UTC.
  return [monday, month, ...[2, 9].map(lastSunday).filter((at) => at < today - DAY && at > today - 360 * DAY)];
}

describe('the boundaries of a time window', () => {
  const sender = (): Sender => new Sender(gateway, stageAt(Date.now()), 'org_windows');
  let token = '';

  /** Calls of a window by the API, by hour. */
  async function byApi(from: string, to: string, bucket = 'hour'): Promise<number> {
    const query = new URLSearchParams({ from, to, bucket, limit: '1000' });
    const answer = await gateway.app.inject({
      url: `/v1/series/blocked_command_rate?${query.toString()}`,
      headers: { authorization: `Bearer ${token}` },
    });
    expect([answer.statusCode, answer.body]).toEqual([200, answer.body]);
    return answer.json<{ points: { total: number }[] }>().points.reduce((sum, { total }) => sum + total, 0);
  }

  /** The same by a panel, through the address that the page and the report ask. */
  async function byBoard(from: string, to: string): Promise<number> {
    const query = new URLSearchParams({ from, to, 'var-repo': '$__all', 'var-agent': '$__all', 'var-tool': '$__all' });
    const answer = await gateway.app.inject({
      url: `/boards/api/boards/shieldwatch-runtime/panels/3?${query.toString()}`,
      headers: { authorization: `Bearer ${token}` },
    });
    expect([answer.statusCode, answer.body]).toEqual([200, answer.body]);
    return Number(answer.json<{ rows: (number | string | null)[][] }>().rows[0]?.[0] ?? 0);
  }

  beforeAll(async () => {
    const org = sender();
    await org.create();
    token = org.token;
    const entries = seams()
      .flatMap((at) => [at - 1, at, at + HOUR - 1, at + HOUR])
      .map((at, index) => ({
        timestamp: new Date(at).toISOString(),
        tool: 'Bash',
        decision: 'allow',
        reason: String(index),
      }));
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/v1/ingest/runtime',
      headers: jsonHeaders(token),
      payload: JSON.stringify({ repository: 'acme/app', sessionId: 's', entries }),
    });
    expect(answer.statusCode).toBe(200);
    await createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
  });

  it.each([
    ['up to 6 hours, from facts', 2 * HOUR],
    ['up to 14 days, from hours', 24 * HOUR],
    ['beyond, from days', 20 * DAY],
  ])('belong to the window that begins there only: %s', async (_, width) => {
    for (const seam of seams()) {
      // Days are whole ones.
      const edge = width > 14 * DAY ? Math.floor(seam / DAY) * DAY : seam;
      const at = (offset: number): string => new Date(edge + offset).toISOString();
      const expected = [
        [-width, 0],
        [0, width],
        [-width, width],
      ].map(
        ([from = 0, to = 0]) =>
          seams()
            .flatMap((each) => [each - 1, each, each + HOUR - 1, each + HOUR])
            .filter((time) => time >= edge + from && time < edge + to).length,
      );
      const windows = [
        [at(-width), at(0)],
        [at(0), at(width)],
        [at(-width), at(width)],
      ] as const;
      const bucket = width > 14 * DAY ? 'day' : 'hour';
      expect(await Promise.all(windows.map(([from, to]) => byApi(from, to, bucket)))).toEqual(expected);
      expect(await Promise.all(windows.map(([from, to]) => byBoard(from, to)))).toEqual(expected);
      expect((expected[0] ?? 0) + (expected[1] ?? 0)).toBe(expected[2]);
    }
  });

  it('are the same moments with any UTC offset, half hours included', async () => {
    const [seam = 0] = seams();
    const withOffset = (at: number, minutes: number): string => {
      const sign = minutes < 0 ? '-' : '+';
      const clock = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
        .map((part) => String(part).padStart(2, '0'))
        .join(':');
      return `${new Date(at + minutes * 60_000).toISOString().slice(0, -1)}${sign}${clock}`;
    };
    for (const minutes of [0, 330, 345, -210, 840]) {
      expect([
        minutes,
        await byApi(withOffset(seam, minutes), withOffset(seam + HOUR, minutes)),
        await byBoard(withOffset(seam, minutes), withOffset(seam + HOUR, minutes)),
      ]).toEqual([minutes, 2, 2]);
    }
  });

  it("select nothing in the future, and invalid ones are refused with the field's name", async () => {
    const next = [
      new Date(Date.now() + 40 * DAY).toISOString(),
      new Date(Date.now() + 41 * DAY).toISOString(),
    ] as const;
    expect([await byApi(...next), await byBoard(...next)]).toEqual([0, 0]);
    const wrong = [
      ['2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z', 'from'],
      ['2026-01-03T00:00:00Z', '2026-01-02T00:00:00Z', 'from'],
      ['1969-12-31T00:00:00Z', '1970-01-02T00:00:00Z', 'from'],
      ['2026-01-02T00:00:00Z', '2262-04-12T00:00:00Z', 'to'],
      ['2026-02-30', '2026-03-02', 'from'],
      ['-1', '2026-01-02T00:00:00Z', 'from'],
      ['2026-01-02T00:00:00Z', 'soon', 'to'],
    ] as const;
    for (const [from, to, field] of wrong) {
      const query = new URLSearchParams({ from, to }).toString();
      for (const url of [
        `/v1/series/blocked_command_rate?${query}`,
        `/v1/repo/${encodeURIComponent('acme/app')}/posture?${query}`,
        `/boards/api/boards/shieldwatch-runtime/panels/3?${query}`,
      ]) {
        const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
        expect([
          url,
          answer.statusCode,
          answer.json<{ error: { message: string } }>().error.message.split(':')[0],
        ]).toEqual([url, 400, field]);
      }
      await expect(runReport({ from, to, token }, () => undefined)).rejects.toThrow(
        new RegExp(`^--${field}: expected `),
      );
    }
  });
});
