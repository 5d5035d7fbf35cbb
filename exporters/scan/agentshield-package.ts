import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '#schemas/root.js';

/** The AgentShield release with which this module was tested. */
export const TESTED_VERSION = '1.6.0';

/** The installed AgentShield: its CLI and version. */
export interface AgentshieldPackage {
  readonly cli: string;
  readonly version: string;
}

/**
 * Finds `ecc-agentshield` as Node would, in the `node_modules` of this folder and its parents. Not by
 * `require.resolve`, which its `exports` prevent, nor by import, which runs its command line.
 */
export function findAgentshield(): AgentshieldPackage {
  for (let dir = packageRoot(); ; dir = dirname(dir)) {
    const folder = join(dir, 'node_modules', 'ecc-agentshield');
    const manifest = readManifest(join(folder, 'package.json'));
    if (manifest !== undefined) return { cli: join(folder, 'dist', 'index.js'), version: manifest.version };
    if (dir === dirname(dir)) throw new Error('ecc-agentshield is not installed');
  }
}

function readManifest(path: string): { version: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  } catch {
    return undefined;
  }
}
