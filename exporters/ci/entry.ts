#!/usr/bin/env node
// Entry of the CI bundle (pack-ci.mjs). Reads the token from standard input: other processes of the same user can
// read the environment with which this process was started.
import { readFileSync } from 'node:fs';
import { environment } from '../environment.js';

Object.assign(environment, { SHIELDWATCH_TOKEN: readFileSync(0, 'utf8').trim() });
await import('../cli.js');
