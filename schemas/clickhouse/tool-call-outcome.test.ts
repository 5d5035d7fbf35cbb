import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../testing/clickhouse.js';
import { selectRows } from './client.js';
import {
  EVIDENCE,
  holds,
  OUTCOME_RULES,
  OUTCOME_SQL,
  OUTCOMES,
  outcomeOf,
  type Evidence,
} from './tool-call-outcome.js';

const FIELDS = Object.keys(EVIDENCE) as (keyof typeof EVIDENCE)[];
/** Every combination of evidence, the last field varying fastest. */
const ALL = FIELDS.reduce<Evidence[]>(
  (made, field) => made.flatMap((evidence) => EVIDENCE[field].map((value) => ({ ...evidence, [field]: value }))),
  [{} as Evidence],
);

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

describe('the table of outcomes', () => {
  it('gives every combination of evidence exactly one outcome', () => {
    expect(ALL).toHaveLength(FIELDS.reduce((product, field) => product * EVIDENCE[field].length, 1));
    const wrong = ALL.filter((evidence) => OUTCOME_RULES.filter(({ when }) => holds(when, evidence)).length !== 1);
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(new Set(ALL.map((evidence) => outcomeOf(evidence).outcome))).toEqual(new Set(OUTCOMES));
  });

  it('calls a call enforced only if one of our guards blocked it and nothing says that it ran', () => {
    for (const evidence of ALL) {
      const { outcome } = outcomeOf(evidence);
      if (outcome !== 'enforced' && outcome !== 'presumed') continue;
      expect([
        evidence.judgement,
        evidence.run === 'ran',
        evidence.decision === 'accept' && evidence.run === 'none',
      ]).toEqual(['block', false, false]);
    }
  });

  it('never hides a block that did not hold: one that ran is bypassed, failed open, or overruled by somebody named', () => {
    const outcomes = ALL.filter(({ judgement, run }) => judgement === 'block' && run === 'ran').map(
      (evidence) => outcomeOf(evidence).outcome,
    );
    expect(new Set(outcomes)).toEqual(new Set(['bypassed', 'failed_open', 'overruled']));
  });

  it('says what is missing of an unknown outcome, and of no other', () => {
    for (const evidence of ALL) {
      const { outcome, missing } = outcomeOf(evidence);
      expect(missing.length > 0).toBe(outcome === 'unknown');
    }
  });

  it('counts as judged in time only calls that ran, and none that failed open or were not judged', () => {
    for (const evidence of ALL) {
      const { outcome, isJudgedInTime } = outcomeOf(evidence);
      if (isJudgedInTime) expect(['allowed', 'bypassed', 'overruled']).toContain(outcome);
    }
  });

  it('is what the job decides by in SQL, for every combination', async () => {
    // Each list in a subquery of its own: ClickHouse takes two equal arrayJoin of one query for one.
    const lists = FIELDS.map(
      (field) =>
        `(SELECT arrayJoin([${EVIDENCE[field].map((value) => `'${value}'`).join(', ')}]) AS of_${field}) AS t_${field}`,
    );
    const order = FIELDS.map(
      (field) => `indexOf([${EVIDENCE[field].map((value) => `'${value}'`).join(', ')}], of_${field})`,
    );
    const rows = await selectRows<{ verdict: string }>(
      db.client,
      `SELECT concat(outcome, ' ', ${OUTCOME_SQL.cause}, ' ', arrayStringConcat(${OUTCOME_SQL.missing}, '+'), ' ', toString(${OUTCOME_SQL.is_by_order}), ' ', toString(${OUTCOME_SQL.has_run}), ' ', toString(${OUTCOME_SQL.is_judged_in_time})) AS verdict
       FROM (SELECT *, ${OUTCOME_SQL.outcome} AS outcome FROM ${lists.join(' CROSS JOIN ')}) ORDER BY ${order.join(', ')}`,
    );
    const wanted = ALL.map((evidence) => {
      const { outcome, cause, missing, isByOrder, hasRun, isJudgedInTime } = outcomeOf(evidence);
      return [outcome, cause, missing.join('+'), Number(isByOrder), Number(hasRun), Number(isJudgedInTime)].join(' ');
    });
    expect(rows.length).toBe(wanted.length);
    const differing = rows.flatMap(({ verdict }, index) =>
      verdict === wanted[index] ? [] : [[ALL[index], verdict, wanted[index]]],
    );
    expect(differing.slice(0, 3)).toEqual([]);
  });
});
