import { realpathSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { SEVERITIES, type Severity } from '#schemas/records/enums.js';
import type { FindingRecord } from '#schemas/records/finding.js';
import type { ScanRecord } from '#schemas/records/scan.js';
import { createSender, type Sender } from '../otlp/sender.js';
import { findGitFolder } from '../repository/git-folder.js';
import { cleanRepositoryName, githubUrl, repositoryName } from '../repository/repository-name.js';
import { findAgentshield, TESTED_VERSION } from './agentshield-package.js';
import { ciContext } from './ci-context.js';
import { readEvidencePack, type EvidencePack } from './evidence-pack.js';
import { exportScan, postScan } from './export-scan.js';
import { findingRecords } from './finding-records.js';
import { gateExitCode } from './gate.js';
import { withPrivateFolder } from './private-folder.js';
import { runAgentshield } from './run-agentshield.js';
import { packContext, scanRecord } from './scan-record.js';
import { environment } from '../environment.js';

/** AgentShield's exit code for a pack that fails verification. */
const EXIT_INVALID_PACK = 6;

/** Destination of a scan, and its repository. */
export interface ExportOptions {
  /** Base URL of the gateway. */
  readonly url: string;
  /** Undefined: nothing is sent. */
  readonly token: string | undefined;
  /** Full name, `owner/name`; default: from git or the environment. */
  readonly repository?: string | undefined;
  /**
   * Lowest severity reported. Default `info`, unknown for an existing pack; scores with different filters are not
   * comparable.
   */
  readonly minSeverity?: string | undefined;
  /** `rest` posts to `/v1/ingest/scan` instead of sending OTLP. */
  readonly via?: 'otlp' | 'rest' | undefined;
  /** Called with the finished scan before it is sent. */
  readonly onScanned?: (outcome: ScanOutcome) => void;
  /** Time limit of one request, retries included, in milliseconds. Default 60 s. */
  readonly deadlineMs?: number;
}

export interface ScanOptions extends ExportOptions {
  /** Folder to scan. */
  readonly dir: string;
  /** Further options for AgentShield's `scan`, e.g. `['--policy', 'policy.yml']`. */
  readonly agentshieldArgs?: readonly string[];
}

export interface PackOptions extends ExportOptions {
  /** Folder with an existing evidence pack. */
  readonly pack: string;
}

export interface ScanOutcome {
  readonly scan: ScanRecord;
  readonly findings: readonly FindingRecord[];
  /** AgentShield's own exit code: 0, 2 critical findings, 3 gate, 4 policy not met, 6 the pack was altered. */
  readonly exitCode: number;
  /** AgentShield's output, with secrets masked. */
  readonly stdout: string;
  readonly stderr: string;
  /** False without a token. */
  readonly sent: boolean;
  readonly warnings: readonly string[];
}

type Scanned = Omit<ScanOutcome, 'sent'> & { readonly durationMs: number };

/** Scans a folder with AgentShield and sends the result. Throws a CommandError if either fails. */
export async function runScan(options: ScanOptions): Promise<ScanOutcome> {
  return sendWith(options, () => scanFolder(options));
}

/**
 * Reads, verifies and sends an existing evidence pack. One whose digests do not match is sent with that status and ends
 * with AgentShield's exit code 6.
 */
export async function exportPack(options: PackOptions): Promise<ScanOutcome> {
  return sendWith(options, () => Promise.resolve(readPack(options)));
}

/** Scans without sending. */
export async function scanFolder(options: Omit<ScanOptions, 'url' | 'token'>): Promise<Scanned> {
  const target = existingFolder(options.dir);
  const minSeverity = severityOf(options.minSeverity ?? 'info');
  const context = ciContext(target, environment);
  const repository = nameOf(options.repository, () => repositoryName([target], environment));
  const agentshield = findAgentshield();
  const given = options.agentshieldArgs ?? [];
  // A failing gate ends the CLI before the pack is written, so we evaluate the gate.
  const isGated = given.includes('--gate');
  return withPrivateFolder(async (folder) => {
    const extraArgs = given.filter((arg) => arg !== '--gate');
    const {
      pack: packFolder,
      durationMs,
      ...run
    } = await runAgentshield(agentshield, { target, folder, minSeverity, extraArgs });
    const pack = readEvidencePack(packFolder);
    // Written a moment ago: an inconsistency now would corrupt a series.
    if (pack.problems.length > 0) throw new CommandError(`AgentShield's evidence pack: ${pack.problems.join('; ')}`);
    const exitCode = isGated ? gateExitCode(pack.baseline, run.exitCode) : run.exitCode;
    const scan = scanRecord(pack, {
      repository,
      minSeverity,
      exitCode,
      agentshieldVersion: agentshield.version,
      ciContext: context,
    });
    return {
      ...run,
      scan,
      findings: findingsOf(pack, scan, pathInRepository(target)),
      exitCode,
      durationMs,
      warnings: scanWarnings(scan),
    };
  });
}

function readPack(options: PackOptions): Scanned {
  const pack = readEvidencePack(existingFolder(options.pack));
  if (!pack.verification.redacted)
    throw new CommandError('the pack was written without redaction (--no-evidence-redact); it is not sent');
  const { repository: named, serverUrl } = pack.ci.github ?? {};
  const claimed = named === undefined ? undefined : cleanRepositoryName(githubUrl(serverUrl, named));
  const repository = nameOf(options.repository, () => {
    if (claimed === undefined || claimed.includes('<user>'))
      throw new CommandError('the pack does not name its repository: use --repository');
    return claimed;
  });
  const { problems, verification } = pack;
  const exitCode = problems.length === 0 ? 0 : EXIT_INVALID_PACK;
  const scan = scanRecord(pack, {
    repository,
    ...(options.minSeverity === undefined ? {} : { minSeverity: severityOf(options.minSeverity) }),
    exitCode,
    ciContext: packContext(pack),
  });
  const verdict =
    verification.integrity === 'mismatch' ? 'the pack is not what was written' : 'the pack contradicts itself';
  const warnings = [
    ...scanWarnings(scan),
    ...(problems.length === 0 ? [] : [`${verdict}: ${problems.join('; ')}. It is sent as that`]),
  ];
  return { scan, findings: findingsOf(pack, scan, ''), exitCode, durationMs: 0, stdout: '', stderr: '', warnings };
}

async function sendWith(options: ExportOptions, obtain: () => Promise<Scanned>): Promise<ScanOutcome> {
  // Created first, so that a wrong URL is reported before a scan.
  const sender =
    options.token === undefined
      ? undefined
      : createSender({ url: options.url, token: options.token }, options.deadlineMs);
  try {
    const { durationMs, ...scanned } = await obtain();
    options.onScanned?.({ ...scanned, sent: false });
    if (sender === undefined) return { ...scanned, sent: false };
    const warnings = await send(sender, { ...scanned, durationMs }, options.via ?? 'otlp');
    return { ...scanned, sent: true, warnings: [...scanned.warnings, ...warnings] };
  } finally {
    sender?.close();
  }
}

function send(sender: Sender, scanned: Scanned, via: 'otlp' | 'rest'): Promise<string[]> {
  return via === 'rest' ? postScan(sender, scanned) : exportScan(sender, scanned);
}

function findingsOf(pack: EvidencePack, { eventId: scanId, generatedAt }: ScanRecord, path: string): FindingRecord[] {
  return findingRecords(pack, { scanId, generatedAt, pathInRepository: path });
}

function scanWarnings(scan: ScanRecord): string[] {
  const warnings: string[] = [];
  if (scan.filesScanned === 0)
    warnings.push('nothing scanned: AgentShield found no configuration here, its score means nothing');
  if (scan.agentshieldVersion !== undefined && scan.agentshieldVersion !== TESTED_VERSION) {
    warnings.push(`AgentShield ${scan.agentshieldVersion} is not the release this was tested with (${TESTED_VERSION})`);
  }
  return warnings;
}

/** Resolves links, since AgentShield removes the path from its output as it was given. */
function existingFolder(dir: string): string {
  const path = resolve(dir);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new CommandError(`not a folder: ${dir}`);
  return realpathSync(path);
}

/** AgentShield drops every finding and reports A / 100 for an unknown severity. */
function severityOf(text: string): Severity {
  const found = SEVERITIES.find((severity) => severity === text);
  if (found === undefined) throw new CommandError(`--min-severity is none of ${SEVERITIES.join(', ')}`);
  return found;
}

function nameOf(claimed: string | undefined, derive: () => string): string {
  if (claimed === undefined) return derive();
  const name = cleanRepositoryName(claimed);
  if (name === undefined) throw new CommandError('--repository is not a name like owner/name');
  return name;
}

function pathInRepository(target: string): string {
  const git = findGitFolder(target);
  return git === undefined ? '' : relative(realpathSync(git.root), target).split(sep).join('/');
}
