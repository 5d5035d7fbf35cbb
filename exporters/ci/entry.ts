#!/usr/bin/env node
// Entry of the CI bundle (pack-ci.mjs). The token comes on standard input: in the environment that this process was
// started with, which other processes of its user can read, it never is.
import { readFileSync } from 'node:fs';

process.env['SHIELDWATCH_TOKEN'] = readFileSync(0, 'utf8').trim();
await import('../cli.js');
