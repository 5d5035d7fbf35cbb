import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../root.js';

/** Run by the collector's Go tests too, with this secret and the organisation `org_1`. */
export interface PersonalVector {
  readonly name: string;
  readonly input: readonly string[];
  readonly output: string;
}
export const PERSONAL_VECTORS = JSON.parse(
  readFileSync(join(packageRoot(), 'schemas', 'redaction-personal.vectors.json'), 'utf8'),
) as PersonalVector[];
export const PSEUDONYM_SECRET = 'a secret of the tests, ' + '0123456789';
