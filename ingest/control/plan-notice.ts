import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Caller } from '../auth/caller.js';
import { PLAN_LIMITS, type Plan } from '../plans.js';

/** Milliseconds between notices to one organisation, because clients log each of them. */
const NOTICE_MS = 60_000;
const MAX_CACHED = 10_000;

/**
 * Creates the notice for OTLP clients whose organisation has more repositories than its plan allows. Telemetry is
 * forwarded without being read, and rejecting it would lose records of other repositories. So everything is accepted,
 * and once a minute the answer carries the notice as a partial success that rejects nothing. A request never waits for
 * it.
 */
export function createPlanNotice(clickhouse: ClickHouseClient): (caller: Caller) => string | undefined {
  const known = new Map<string, { queriedAt: number; plan: Plan; text: string | undefined }>();
  return ({ orgId, repository, plan = 'team' }) => {
    const { repos, discoveredRepos } = PLAN_LIMITS[plan];
    const limit = repos ?? discoveredRepos;
    // The number of repositories is known to the organisation only, so bound tokens get no notice.
    if (repository !== null) return undefined;
    const now = Date.now();
    const last = known.get(orgId);
    // A changed plan has another limit.
    if (last?.plan === plan && now - last.queriedAt < NOTICE_MS) {
      const { text } = last;
      last.text = undefined;
      return text;
    }
    if (known.size >= MAX_CACHED) known.clear();
    const next: { queriedAt: number; plan: Plan; text: string | undefined } = { queriedAt: now, plan, text: undefined };
    known.set(orgId, next);
    selectRows<{ repos: number }>(
      clickhouse,
      'SELECT count() AS repos FROM repository_activity WHERE org_id = {orgId:String}',
      { orgId },
    ).then(
      ([row]) => {
        const used = row?.repos ?? 0;
        if (used > limit)
          next.text = `everything was accepted, but the plan "${plan}" allows ${String(limit)} repositories and ${String(used)} are in use; remove some or change the plan`;
      },
      // A failing store does not affect the accepted request.
      () => undefined,
    );
    return undefined;
  };
}
