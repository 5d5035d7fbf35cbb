import type { Session } from '#schemas/postgres/session.js';
import type { NoticeInput } from '../notice.js';

/** A notice that fires, with what `over` changes. */
export function noticeOf(over: Partial<NoticeInput> = {}): NoticeInput {
  return {
    key: 'org_a/acme/app/shieldwatch-new-secret',
    episode: 1,
    kind: 'firing',
    severity: 'critical',
    rule: 'shieldwatch-new-secret',
    title: 'New critical secret',
    summary: 'A critical secret appeared in acme/app of org_a',
    repository: 'acme/app',
    organisation: 'org_a',
    labels: { finding: 'secrets-1' },
    value: 1,
    threshold: 0,
    windowSeconds: 86_400,
    since: '2026-11-20T10:00:00.000Z',
    until: null,
    suppressed: 0,
    links: { board: '/boards/shieldwatch-secrets', explain: null, runbook: null },
    ...over,
  };
}

/** Inserts a destination without a secret, for tests of the queue. */
export async function addBareDestination(tx: Session, orgId: string, id: string): Promise<void> {
  await tx.query(
    "INSERT INTO alert_destination (id, org_id, name, kind, config, created_by) VALUES ($1, $2, $1, 'webhook', '{}', 'test')",
    [id, orgId],
  );
}
