import { realpathSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { SEVERITIES, type Severity } from '#schemas/records/enums.js';
import type { FindingRecord } from '#schemas/records/finding.js';
import type { ScanRecord } from '#schemas/records/scan.js';
import { createSender } from '../otlp/sender.js';
import { findGitFolder } from '../repository/git-folder.js';
import { cleanRepositoryName, repositoryName } from '../repository/repository-name.js';
import { findAgentshield, TESTED_VERSION } from './agentshield-package.js';
import { readEvidencePack } from './evidence-pack.js';
import { exportScan } from './export-scan.js';
import { findingRecords } from './finding-records.js';
import { withPrivateFolder } from './private-folder.js';
import { runAgentshield } from './run-agentshield.js';
import { scanRecord } from './scan-record.js';

export interface ScanOptions {
  /** Folder to scan. */
  readonly dir: string;
  /** Base URL of the gateway. */
  readonly url: string;
  /** Undefined: scan, but send nothing. */
  readonly token: string | undefined;
  /** Full name, `owner/name`; derived from git when left out. */
  readonly repository?: string | undefined;
  /** Lowest severity to report. Default `info`; scores of different filters do not compare. */
  readonly minSeverity?: string | undefined;
  /** Further options for AgentShield's `scan`, e.g. `['--policy', 'policy.yml']`. */
  readonly agentshieldArgs?: readonly string[];
  /** Called with the finished scan before it is sent. */
  readonly onScanned?: (outcome: ScanOutcome) => void;
  /** How long one request may take, retries included. Default 60 s. */
  readonly deadlineMs?: number;
}

export interface ScanOutcome {
  readonly scan: ScanRecord;
  readonly findings: readonly FindingRecord[];
  /** AgentShield's own exit code: 0, 2 critical findings, 4 policy not met. */
  readonly exitCode: number;
  /** False when there was no token. */
  readonly sent: boolean;
  readonly warnings: readonly string[];
}

/** Scans a folder with the real AgentShield and sends what it found. Throws a CommandError when either fails. */
export async function runScan(options: ScanOptions): Promise<ScanOutcome> {
  // Made first: a wrong URL is told before a scan, not after.
  const sender = options.token === undefined ? undefined : createSender({ url: options.url, token: options.token }, options.deadlineMs);
  try {
    const { durationMs, ...scanned } = await scanFolder(options);
    options.onScanned?.({ ...scanned, sent: false });
    if (sender === undefined) return { ...scanned, sent: false };
    const warnings = await exportScan(sender, { ...scanned, durationMs });
    return { ...scanned, sent: true, warnings: [...scanned.warnings, ...warnings] };
  } finally {
    sender?.close();
  }
}

async function scanFolder(options: ScanOptions): Promise<Omit<ScanOutcome, 'sent'> & { durationMs: number }> {
  const target = existingFolder(options.dir);
  const minSeverity = severityOf(options.minSeverity ?? 'info');
  const repository = nameOf(target, options.repository);
  const agentshield = findAgentshield();
  return withPrivateFolder(async (folder) => {
    const extraArgs = options.agentshieldArgs ?? [];
    const { pack: packFolder, exitCode, durationMs } = await runAgentshield(agentshield, { target, folder, minSeverity, extraArgs });
    const pack = readEvidencePack(packFolder);
    const scan = scanRecord(pack, { repository, minSeverity, exitCode, agentshieldVersion: agentshield.version });
    const findings = findingRecords(pack, {
      scanId: scan.eventId,
      generatedAt: scan.generatedAt,
      pathInRepository: pathInRepository(target),
    });
    return { scan, findings, exitCode, durationMs, warnings: scanWarnings(scan) };
  });
}

function scanWarnings(scan: ScanRecord): string[] {
  const warnings: string[] = [];
  if (scan.filesScanned === 0) warnings.push('nothing scanned: AgentShield found no configuration here, its score means nothing');
  if (scan.agentshieldVersion !== TESTED_VERSION) {
    warnings.push(`AgentShield ${scan.agentshieldVersion} is not the release this was tested with (${TESTED_VERSION})`);
  }
  return warnings;
}

/** Links resolved, since AgentShield takes the path out of its output as it was given. */
function existingFolder(dir: string): string {
  const path = resolve(dir);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new CommandError(`not a folder: ${dir}`);
  return realpathSync(path);
}

/** AgentShield drops every finding and says A / 100 for a severity it does not know. */
function severityOf(text: string): Severity {
  const found = SEVERITIES.find((severity) => severity === text);
  if (found === undefined) throw new CommandError(`--min-severity is none of ${SEVERITIES.join(', ')}`);
  return found;
}

function nameOf(target: string, claimed: string | undefined): string {
  if (claimed === undefined) return repositoryName([target], process.env);
  const name = cleanRepositoryName(claimed);
  if (name === undefined) throw new CommandError('--repository is not a name like owner/name');
  return name;
}

function pathInRepository(target: string): string {
  const git = findGitFolder(target);
  return git === undefined ? '' : relative(realpathSync(git.root), target).split(sep).join('/');
}
