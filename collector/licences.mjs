#!/usr/bin/env node
/**
 * Writes LICENCES.md, the modules that are compiled into our collector with their versions and licences: `node
 * collector/licences.mjs` after `npm run collector:build`. Plain JavaScript, as build.mjs. A test compares.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { collectorBinary } from './build.mjs';

const FILE = join(dirname(fileURLToPath(import.meta.url)), 'LICENCES.md');

/** A phrase that only this licence contains; the first match counts. */
const LICENCES = [
  ['Apache-2.0', /Apache License,?\s+Version 2\.0/],
  ['MPL-2.0', /Mozilla Public License,? [Vv]ersion 2\.0/i],
  ['BSD-3-Clause', /Neither the name of/],
  ['BSD-2-Clause', /Redistributions in binary form/],
  ['ISC', /Permission to use, copy, modify, and(?:\/or)? distribute this software/],
  ['MIT', /Permission is hereby granted, free of charge/],
];

/** Returns the file's text for the current build. */
export function licenceList() {
  const modules = go('version', '-m', collectorBinary() ?? '')
    .split('\n')
    .flatMap((line) => {
      const [, kind, name, version] = line.split('\t');
      return kind === 'dep' && name !== undefined && version !== undefined ? [{ name, version }] : [];
    })
    .filter(({ name }) => !name.startsWith('shieldwatch.dev/'));
  const rows = modules.map(({ name, version }) => `| ${name} | ${version} | ${licenceOf(name, version)} |`);
  return `# Modules in the collector

Written by collector/licences.mjs. Our own sources are Apache-2.0, as the project.

| module | version | licence |
|---|---|---|
${rows.join('\n')}
`;
}

/**
 * @param {string} name
 * @param {string} version
 */
function licenceOf(name, version) {
  // In the module cache an upper-case letter is written as ! and its lower-case form.
  const folder = join(
    go('env', 'GOMODCACHE').trim(),
    `${name.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)}@${version}`,
  );
  if (!existsSync(folder)) return 'unknown';
  const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)/i.test(entry));
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
  return LICENCES.find(([, phrase]) => phrase instanceof RegExp && phrase.test(text))?.[0] ?? 'unknown';
}

/** @param {string[]} args */
function go(...args) {
  return spawnSync('go', args, { encoding: 'utf8' }).stdout;
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1])
  writeFileSync(FILE, licenceList());
