import { createHash } from 'node:crypto';
import type { FleetEntry, ReviewItem, ReviewRoute } from '#schemas/http/fleet.js';
import { idOf } from '#schemas/records/ids.js';

/** The computed part of a review item, without people's decisions. */
export type ReviewItemText = Omit<
  ReviewItem,
  'status' | 'assignee' | 'commentCount' | 'openedAt' | 'decidedAt' | 'decidedBy'
>;

interface RouteTexts {
  severity: ReviewItem['severity'];
  priority: ReviewItem['priority'];
  before: (entry: FleetEntry) => string;
  after: string;
  reversibleAction: string;
  actions: string[];
  recommendation: string;
}

/** Texts of AgentShield 1.6.0, so that its consumers recognise them. */
const TEXTS: Readonly<Record<ReviewRoute, RouteTexts>> = {
  invalid: {
    severity: 'high',
    priority: 'urgent',
    before: ({ reason }) => `Evidence pack failed verification: ${reason}.`,
    after: 'Evidence pack verifies successfully and can be trusted as a routing artifact.',
    reversibleAction:
      'Discard the broken pack and rerun `agentshield scan --evidence-pack <dir>` from a clean workspace.',
    actions: [
      'Regenerate the evidence pack from the original scan target.',
      'Run `agentshield evidence-pack verify <dir>` before adding it back to fleet routing.',
    ],
    recommendation: 'Regenerate or repair evidence pack before promotion.',
  },
  'security-blocker': {
    severity: 'high',
    priority: 'urgent',
    before: ({ reason }) => `Evidence pack has security blockers: ${reason}.`,
    after: 'Critical and high findings are fixed, accepted by policy, or explicitly routed with owner approval.',
    reversibleAction:
      'Revert the risky config change or keep the promotion blocked until a clean evidence pack is generated.',
    actions: [
      'Assign the pack to the repository security owner.',
      'Fix or explicitly approve critical/high findings before promotion.',
      'Regenerate and verify the evidence pack after remediation.',
    ],
    recommendation: 'Route to security owner before promotion.',
  },
  'policy-review': {
    severity: 'medium',
    priority: 'high',
    before: ({ repository }) => `Evidence pack policy status is failed for ${repository}.`,
    after: 'Policy violations are fixed or owner-approved exceptions are attached.',
    reversibleAction: 'Revert the policy change or keep the policy in report-only mode until exception approval lands.',
    actions: [
      'Route policy failures to the policy owner.',
      'Attach an approved exception or update the policy/finding before promotion.',
    ],
    recommendation: 'Route to policy owner before exception approval.',
  },
  'baseline-regression': {
    severity: 'medium',
    priority: 'high',
    before: ({ repository }) => `Evidence pack baseline regressed for ${repository}.`,
    after: 'Baseline drift is fixed, rolled back, or accepted with owner approval.',
    reversibleAction: 'Restore the previous baseline or keep the new baseline unpromoted until drift is accepted.',
    actions: [
      'Route baseline drift to the baseline owner.',
      'Attach rollback evidence or accepted-drift approval before promotion.',
    ],
    recommendation: 'Route to baseline owner before accepting drift.',
  },
  'supply-chain-review': {
    severity: 'medium',
    priority: 'high',
    before: ({ reason }) => `Evidence pack has supply-chain review findings: ${reason}.`,
    after: 'Risky packages are pinned, replaced, removed, or explicitly approved.',
    reversibleAction: 'Restore the prior dependency or package pin if review cannot approve the new package.',
    actions: [
      'Route risky packages to the supply-chain owner.',
      'Pin, replace, remove, or approve the package and rerun supply-chain evidence.',
    ],
    recommendation: 'Route to supply-chain owner before publication.',
  },
};

/** Returns the stable id of a decision. It does not depend on the pack's location; the next pack has another id. */
export function reviewItemId(orgId: string, repository: string, route: ReviewRoute, digest: string): string {
  return idOf('review', orgId, repository, route, digest);
}

/** Builds AgentShield's review item of a fleet entry; undefined when there is nothing to review. */
export function reviewItemText(orgId: string, entry: FleetEntry, digest: string): ReviewItemText | undefined {
  if (entry.route === 'ready') return undefined;
  const { route, repository, outputDir, targetPath, reason } = entry;
  const texts = TEXTS[route];
  const { severity, priority, reversibleAction, actions, recommendation } = texts;
  const owner = `${repository} security owner`;
  const evidencePaths = evidencePathsOf(entry);
  const beforeState = texts.before(entry);
  const afterState = texts.after;
  // Key order is part of AgentShield's hash.
  const payload = {
    route,
    severity,
    priority,
    outputDir,
    repository,
    targetPath,
    reason,
    owner,
    evidencePaths: [...evidencePaths].sort(),
    beforeState,
    afterState,
    reversibleAction,
    actions,
    recommendation,
  };
  const approvalId = `agsr_${createHash('sha256').update(JSON.stringify(payload)).digest('hex').slice(0, 16)}`;
  return {
    id: reviewItemId(orgId, repository, route, digest),
    route,
    severity,
    priority,
    approvalId,
    outputDir,
    owner,
    repository,
    targetPath,
    reason,
    evidencePaths,
    beforeState,
    afterState,
    reversibleAction,
    actions,
    recommendation,
    ticket: ticketOf({ ...payload, evidencePaths, approvalId }),
  };
}

function evidencePathsOf({
  outputDir,
  policyStatus,
  baselineStatus,
  riskyPackages,
  route,
  autoFixable,
  manualReview,
}: FleetEntry): string[] {
  const wasRun = (status: string): boolean => status !== 'not-run' && status !== 'unknown';
  return [
    'manifest.json',
    'agentshield-report.json',
    ...(wasRun(policyStatus) ? ['policy-evaluation.json'] : []),
    ...(wasRun(baselineStatus) ? ['baseline-comparison.json'] : []),
    ...(riskyPackages > 0 || route === 'supply-chain-review' || route === 'security-blocker'
      ? ['supply-chain.json']
      : []),
    ...(autoFixable > 0 || manualReview > 0 ? ['remediation-plan.json'] : []),
  ].map((file) => `${outputDir}/${file}`);
}

function ticketOf(item: Omit<ReviewItemText, 'id' | 'ticket'>): ReviewItem['ticket'] {
  const externalId = `agentshield-fleet-review:${item.approvalId}`;
  const lines = [
    '## AgentShield Fleet Review',
    '',
    `Route: \`${item.route}\``,
    `Priority: \`${item.priority}\``,
    `Severity: \`${item.severity}\``,
    `Approval ID: \`${item.approvalId}\``,
    `External ID: \`${externalId}\``,
    `Repository: \`${item.repository}\``,
    `Owner: \`${item.owner}\``,
    `Reason: ${item.reason}`,
    '',
    '### State',
    `- Before: ${item.beforeState}`,
    `- Target: ${item.afterState}`,
    `- Reversible action: ${item.reversibleAction}`,
    '',
    '### Evidence',
    ...item.evidencePaths.map((path) => `- \`${path}\``),
    '',
    '### Required Actions',
    ...item.actions.map((action) => `- ${action}`),
    '',
    `Recommendation: ${item.recommendation}`,
  ];
  return {
    externalId,
    title: `AgentShield ${item.route}: ${item.repository} (${item.reason})`,
    body: lines.join('\n'),
    labels: ['AgentShield', 'Security', `route:${item.route}`, `priority:${item.priority}`],
    priority: item.priority,
  };
}
