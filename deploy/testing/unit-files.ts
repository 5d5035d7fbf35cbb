import { build } from 'esbuild';

/** Modules by which a file starts a process, opens a connection or listens: what reaches one of them is no unit. */
const OUTSIDE =
  /^(node:)?(child_process|cluster|dgram|http|http2|https|net|tls|worker_threads)$|^(chdb|esbuild|@clickhouse\/client|@electric-sql\/pglite|fastify|pg|playwright-core|undici)(\/|$)/;

/** Reaches such a module by a path that it computes, which no import graph shows. */
const COMPUTES_ITS_IMPORT = 'collector/binary.ts';

/**
 * Those of these test files that need nothing but Node: neither they nor what they import, types aside, reach a module
 * that starts or connects to anything. Paths are relative to `root`, the package's folder.
 */
export async function unitFiles(root: string, testFiles: readonly string[]): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...testFiles],
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'unused',
    platform: 'node',
    format: 'esm',
    packages: 'external',
    conditions: ['source'],
    logLevel: 'silent',
  });
  const reachesOutside = (testFile: string): boolean => {
    const reached = new Set([testFile]);
    for (const file of reached) {
      if (file === COMPUTES_ITS_IMPORT) return true;
      for (const { path, external } of metafile.inputs[file]?.imports ?? []) {
        if (external !== true) reached.add(path);
        else if (OUTSIDE.test(path)) return true;
      }
    }
    return false;
  };
  return testFiles.filter((file) => !reachesOutside(file));
}
