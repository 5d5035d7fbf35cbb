import { createRollupWorker } from '#rollups/worker.js';
import type { BenchServer } from '../store/server.js';

/** Organisation of the seeded data. */
export const ORG = 'org_bench';

/** Size of a seeded organisation. */
export interface OrganisationSize {
  /** Decisions in total. */
  readonly events: number;
  readonly repositories: number;
  readonly scansPerDay: number;
}

/** The size that the figures of the boards bench refer to. */
export const ORGANISATION: OrganisationSize = { events: 10_000_000, repositories: 50, scansPerDay: 4 };

const DAYS = 90;
const FINDINGS_PER_SCAN = 20;
/** Rows per INSERT: as many as a small machine's memory allows. */
const CHUNK = 500_000;

/**
 * Seeds an organisation that guarded its agents for ninety days, ten hours a day: decisions, a twentieth as many agent
 * records, and the scans of each day and repository with twenty findings each. The store writes the facts straight into their tables; another bench measures ingestion. The jobs compute the series.
 */
export async function seedOrganisation(server: BenchServer, size: OrganisationSize): Promise<void> {
  const { events, repositories, scansPerDay } = size;
  const run = (sql: string): Promise<string> => server.run(sql);
  const repository = (n: string): string =>
    `concat('acme/service-', leftPad(toString(${n} % ${String(repositories)}), 2, '0'))`;
  for (let done = 0; done < events; done += CHUNK) {
    await run(`INSERT INTO runtime_event_v1 (org_id, repo, event_id, occurred_at, session_id, agent, tool, decision, reason, rule_name, rule_category, duration_us, source, ingested_at)
      WITH number + ${String(done)} AS n, cityHash64(n) AS h,
        now64(3, 'UTC') - toIntervalSecond((h % ${String(DAYS)}) * 86400 + intDiv(h, 97) % 36000) AS at,
        ['Bash', 'Read', 'Edit', 'Grep', 'Write', 'WebFetch', 'mcp__browser__open'][1 + intDiv(h, 1009) % 7] AS used,
        intDiv(h, 10007) % 100 < 9 AS is_blocked
      SELECT '${ORG}', ${repository('intDiv(h, 7)')}, toString(n), at, concat('session-', toString(intDiv(h, 31) % 20000)),
        ['claude-code', 'codex', 'gemini-cli'][1 + intDiv(h, 7) % 3], used, multiIf(is_blocked, 'block', intDiv(h, 10007) % 100 < 12, 'ask', 'allow'),
        if(is_blocked, 'matches a rule of the policy', ''), if(is_blocked, concat('deny[', toString(intDiv(h, 13) % 12), ']:', used), ''),
        if(is_blocked, ['egress', 'destructive', 'sensitive-file', 'injection'][1 + intDiv(h, 13) % 4], ''), 800 + h % 4000, 'hook', at
      FROM numbers(${String(Math.min(CHUNK, events - done))})`);
  }
  await run(`INSERT INTO scan_v1 (org_id, repo, event_id, occurred_at, score, grade, total_findings, critical, high, medium, low, files_scanned, min_severity, producer_version, provider, ingested_at)
    WITH now64(3, 'UTC') - toIntervalSecond(intDiv(number, ${String(repositories)}) * ${String(86_400 / scansPerDay)} + number % ${String(repositories)} * 60) AS at, 30 + cityHash64(number) % 70 AS points
    SELECT '${ORG}', ${repository('number')}, concat('scan-', toString(number)), at, points, multiIf(points >= 90, 'A', points >= 75, 'B', points >= 60, 'C', points >= 40, 'D', 'F'),
      ${String(FINDINGS_PER_SCAN)}, number % 3, 4, 8, 8 - number % 3, 30, 'info', '1.6.0', 'local', at
    FROM numbers(${String(repositories * DAYS * scansPerDay)})`);
  await run(`INSERT INTO finding_v1 (org_id, repo, event_id, occurred_at, scan_id, finding_key, occurrence, severity, category, title, file, line, runtime_confidence, ingested_at)
    SELECT org_id, repo, concat(event_id, '-', toString(i)), occurred_at, event_id, concat('key-', toString(i)), 1,
      multiIf(i < critical, 'critical', i < critical + high, 'high', i < 14, 'medium', 'low'), ['secrets', 'permissions', 'hooks', 'mcp', 'agents'][1 + i % 5],
      'A finding with a title of the usual length, as AgentShield words it', '.claude/settings.json', i, 'active-runtime', ingested_at
    FROM scan_v1 ARRAY JOIN range(${String(FINDINGS_PER_SCAN)}) AS i WHERE org_id = '${ORG}'`);
  // Agents report some of the sessions that guards judge, and some that no guard judges. They name no repository.
  await run(`INSERT INTO agent_event_v1 (org_id, repo, event_id, occurred_at, agent, agent_version, event_name, session_id, tool, ingested_at)
    WITH cityHash64(number) AS h, now64(3, 'UTC') - toIntervalSecond((h % ${String(DAYS)}) * 86400 + intDiv(h, 97) % 36000) AS at
    SELECT '${ORG}', '', toString(number), at, 'claude-code', '2.1.4', 'tool_decision', concat('session-', toString(intDiv(h, 31) % 22000)), 'Bash', at
    FROM numbers(${String(Math.ceil(events / 20))})`);
  await run(
    `INSERT INTO repository_activity_v1 SELECT org_id, repo, min(occurred_at), max(occurred_at) FROM scan_v1 WHERE org_id = '${ORG}' GROUP BY org_id, repo`,
  );
  // A bucket is one hour of a repository: the jobs process them in bounded batches.
  await createRollupWorker({ clickhouse: server.client, settleMs: 0 }).tick();
  const made = Number(await run(`SELECT count() FROM blocked_command_rate_hour WHERE org_id = '${ORG}'`));
  const scored = Number(await run(`SELECT count() FROM score_trend_hour WHERE org_id = '${ORG}'`));
  if (made === 0 || scored === 0) throw new Error('the jobs computed no series');
}
