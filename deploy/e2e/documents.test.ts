import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { lexer, type Token } from 'marked';
import { describe, expect, it } from 'vitest';
import { VARIABLES as PRODUCER_VARIABLES } from '#exporters/environment.js';
import { packageRoot } from '#schemas/root.js';
import { VARIABLES as STACK_VARIABLES } from '../environment.js';

const root = packageRoot();
const NOT_OURS = new Set(['node_modules', 'dist', '.git']);

/** Returns all files below a folder, as paths from the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const files = filesBelow('');
const documents = files.filter((file) => file.endsWith('.md'));

/** Returns all tokens of a document, nested ones included. */
function tokensOf(file: string): Token[] {
  const all: Token[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('type' in value && 'raw' in value) all.push(value as Token);
    for (const child of Object.values(value)) visit(child);
  };
  visit(lexer(readFileSync(join(root, file), 'utf8')));
  return all;
}

/** Returns the anchors of a document's headings as GitHub makes them. */
function anchorsOf(file: string): string[] {
  return tokensOf(file).flatMap((token) =>
    token.type === 'heading'
      ? [
          (token['text'] as string)
            .toLowerCase()
            .replace(/[^\p{L}\p{N}\s_-]/gu, '')
            .replace(/\s/g, '-'),
        ]
      : [],
  );
}

describe('the documents', () => {
  it.each(documents)('%s links only to files and headings that exist', (file) => {
    const broken = tokensOf(file).flatMap((token) => {
      if (token.type !== 'link' && token.type !== 'image') return [];
      const href = token['href'] as string;
      if (/^[a-z]+:/.test(href)) return [];
      const [path = '', anchor] = href.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      if (!existsSync(join(root, target))) return [href];
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor) ? [href] : [];
    });
    expect(broken).toEqual([]);
  });

  it('ARCHITECTURE.md names only files and folders that exist', () => {
    const named = tokensOf('ARCHITECTURE.md')
      .flatMap((token) => (token.type === 'codespan' ? [token['text'] as string] : []))
      .filter((text) => /^(schemas|exporters|collector|ingest|rollups|grafana|deploy)\//.test(text));
    expect(named.length).toBeGreaterThan(20);
    const isThere = (name: string): boolean => files.some((file) => file.startsWith(name.replace(/\*.*$/, '')));
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });

  it('no source cites a section of a document that is not in the repository', () => {
    const names = new Set(documents.map((file) => basename(file, '.md')));
    const cited = files
      .filter((file) => /\.(?:ts|mjs|go|sql|ya?ml|md)$/.test(file) && !/\/(?:testdata|generated|repos)\//.test(file))
      .flatMap((file) =>
        [...readFileSync(join(root, file), 'utf8').matchAll(/\b([A-Z]{4,})(?:\.md)?`?(?:'s)? \d+\.\d+/g)].map(
          ([citation, name = '']) => ({ file, citation, name }),
        ),
      );
    expect(cited.length).toBeGreaterThan(10);
    expect(cited.filter(({ name }) => !names.has(name) && name !== 'TOML')).toEqual([]);
  });

  it.each([
    ['exporters', PRODUCER_VARIABLES],
    ['deploy', STACK_VARIABLES],
  ])('%s/README.md lists every variable that the module reads', (module, variables) => {
    const text = readFileSync(join(root, module, 'README.md'), 'utf8');
    expect(variables.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });
});
