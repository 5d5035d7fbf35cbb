import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { ruleFile, ruleTestFile } from './rules.js';

/** Writes the rules for Prometheus and their unit tests: `npm run prometheus:generate`. */
const folder = join(packageRoot(), 'deploy/prometheus');
writeFileSync(join(folder, 'shieldwatch.rules.yml'), ruleFile());
writeFileSync(join(folder, 'shieldwatch.rules.test.yml'), ruleTestFile());
