import { COVERED_BY, type AlertKind, type AlertSeverity } from '#schemas/alerts/signals.js';
import type { AlertRoute } from '#schemas/http/alerts.js';

/** What routes look at. */
export interface Routed {
  kind: AlertKind;
  rule: string;
  severity: AlertSeverity;
  repository: string;
  owners: readonly string[];
}

/**
 * Returns whether a name meets a pattern in which `*` stands for any characters. Compares literally, part by part, so that
 * no pattern takes more than linear time for each of its `*`.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = '', ...parts] = pattern.split('*');
  const last = parts.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Returns the owner of a repository: everything before the last slash. */
export const ownerOf = (repository: string): string => repository.slice(0, Math.max(0, repository.lastIndexOf('/')));

/** Returns the first condition of a route that an alert does not meet; undefined when it meets all. */
export function unmetCondition({ match }: AlertRoute, alert: Routed): string | undefined {
  const owners = alert.repository === '' ? alert.owners : [...alert.owners, ownerOf(alert.repository)];
  const checks: Record<keyof AlertRoute['match'], boolean> = {
    kinds: match.kinds?.includes(alert.kind) ?? true,
    rules: match.rules?.includes(alert.rule) ?? true,
    severities: match.severities?.includes(alert.severity) ?? true,
    repositories: match.repositories?.some((pattern) => matchesPattern(pattern, alert.repository)) ?? true,
    owners: match.owners?.some((owner) => owners.includes(owner)) ?? true,
  };
  return Object.entries(checks).find(([, isMet]) => !isMet)?.[0];
}

export const takes = (route: AlertRoute, alert: Routed): boolean => unmetCondition(route, alert) === undefined;

/** Returns whether a route takes the signal that announces each instance of this rule one by one. */
export function isCovered(route: AlertRoute, alert: Routed): boolean {
  const by = COVERED_BY[alert.rule];
  return by !== undefined && takes(route, { ...alert, kind: 'finding', rule: by });
}
