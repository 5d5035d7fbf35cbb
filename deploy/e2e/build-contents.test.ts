import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';

const root = packageRoot();

/** Files that only tests, benches and soaks use. */
const TEST_ONLY =
  /(^|\/)(testing|testdata|e2e)\/|\.test\.ts$|_test\.go$|^deploy\/(bench|pictures|soak)\/|^exporters\/real-agents\//;

/** Returns the files that `tsc -p <config>` compiles, from its list and by their imports, as paths from the root. */
function compiled(config: string): string[] {
  const { config: json } = ts.readConfigFile(join(root, config), (path) => readFileSync(path, 'utf8')) as {
    config: unknown;
  };
  const { fileNames } = ts.parseJsonConfigFileContent(json, ts.sys, root);
  const all = new Set(fileNames.map((file) => relative(root, file)));
  for (const file of all) {
    for (const { fileName: specifier } of ts.preProcessFile(readFileSync(join(root, file), 'utf8')).importedFiles) {
      const path = specifier.startsWith('#')
        ? specifier.slice(1)
        : specifier.startsWith('.')
          ? join(dirname(file), specifier)
          : undefined;
      const source = path?.replace(/\.js$/, '.ts');
      if (source !== undefined && existsSync(join(root, source))) all.add(source);
    }
  }
  return [...all];
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

describe('test support', () => {
  it('lies in a folder `testing` of its module', () => {
    const elsewhere = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) =>
        !/^(node_modules|dist|\.git)\//.test(file) &&
        // Go keeps what its tests read in folders of this name.
        !file.startsWith('collector/processors/') &&
        (/\.fixture\.|(^|\/)testdata\/|(^|[/-])testing\.ts$/.test(file) || /(^|\/)test-[^/]*\.ts$/.test(file)),
    );
    expect(elsewhere).toEqual([]);
  });

  it('is in no build output, nor in a package, which is bundled from the same files', () => {
    const product = compiled('tsconfig.build.json');
    expect(product).toContain('deploy/cli.ts');
    expect(product.filter((file) => TEST_ONLY.test(file))).toEqual([]);
    for (const script of ['exporters/pack.mjs', 'exporters/pack-ci.mjs', 'exporters/build.mjs'])
      expect(readFileSync(join(root, script), 'utf8'), script).not.toMatch(/testing|testdata/);
    // What `npm run bench` and the tests start is compiled from a list of its own.
    expect(compiled('tsconfig.tools.json')).toContain('deploy/bench/main.ts');
  });

  it('is in no image: the context of the build leaves out all of it', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const pattern = line.split('**/').map((part) => part.split('*').map(escaped).join('[^/]*'));
        return new RegExp(`^${pattern.join('(.*/)?')}(/|$)`);
      });
    const sent = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) => !ignored.some((pattern) => pattern.test(file)),
    );
    expect(sent).toContain('deploy/cli.ts');
    expect(sent.filter((file) => TEST_ONLY.test(file))).toEqual([]);
    expect(readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8')).toContain('RUN node deploy/setup.mjs\n');
  });
});
