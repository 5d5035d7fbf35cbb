import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Caller } from '../auth/caller.js';
import { PLAN_LIMITS, type Plan } from '../plans.js';

/** Milliseconds between notices to one organisation: clients log each. */
const NOTICE_MS = 60_000;
const MAX_KNOWN = 10_000;

/**
 * What a client of OTLP is told when its organisation sends for more repositories than its plan has room for. Telemetry is
 * passed on unread, and refusing it would lose what has nothing to do with the one repository too many, so all of it is
 * taken and the answer says so, which OTLP has a place for. Once a minute, and never waited for.
 */
export function createPlanNotice(clickhouse: ClickHouseClient): (caller: Caller) => string | undefined {
  const known = new Map<string, { askedAt: number; plan: Plan; text: string | undefined }>();
  return ({ orgId, repository, plan = 'team' }) => {
    const { repos, discoveredRepos } = PLAN_LIMITS[plan];
    const limit = repos ?? discoveredRepos;
    // How many there are is the organisation's: a token of one repository is not told.
    if (repository !== null) return undefined;
    const now = Date.now();
    const last = known.get(orgId);
    // Another plan has another limit.
    if (last?.plan === plan && now - last.askedAt < NOTICE_MS) {
      const { text } = last;
      last.text = undefined;
      return text;
    }
    if (known.size >= MAX_KNOWN) known.clear();
    const next: { askedAt: number; plan: Plan; text: string | undefined } = { askedAt: now, plan, text: undefined };
    known.set(orgId, next);
    selectRows<{ repos: number }>(
      clickhouse,
      'SELECT count() AS repos FROM repository_activity WHERE org_id = {orgId:String}',
      { orgId },
    ).then(
      ([row]) => {
        const used = row?.repos ?? 0;
        if (used > limit)
          next.text = `all of it is taken, but the plan "${plan}" has room for ${String(limit)} repositories and ${String(used)} are in use; remove some or change the plan`;
      },
      // A store that does not answer has nothing to do with what was just taken.
      () => undefined,
    );
    return undefined;
  };
}
