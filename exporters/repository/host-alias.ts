import { join } from 'node:path';
import { readOptional } from './git-folder.js';
import type { ExpandAlias } from './remote-name.js';

/** Longer lines are skipped. */
const MAX_LINE_LENGTH = 1_000;

/**
 * Resolves a host without a dot: `url.<base>.insteadOf` of `~/.gitconfig`, else `HostName` of `~/.ssh/config`. Does not
 * follow includes.
 */
export function aliasesOf(env: NodeJS.ProcessEnv): ExpandAlias {
  return (url, host) => {
    const home = env['HOME'] || env['USERPROFILE'];
    if (home === undefined || home === '') return undefined;
    const meant = insteadOf(readOptional(join(home, '.gitconfig')) ?? '', url);
    if (meant !== undefined) return { url: meant };
    const name = hostName(readOptional(join(home, '.ssh', 'config')) ?? '', host);
    return name === undefined ? undefined : { host: name };
  };
}

/** Returns the URL that git uses instead of `url`: the longest matching prefix wins. */
export function insteadOf(config: string, url: string): string | undefined {
  let base: string | undefined;
  let best: { prefix: string; base: string } | undefined;
  for (const line of linesOf(config)) {
    if (line.startsWith('[')) base = /^\[\s*url\s+"([^"\\]*)"\s*\]/i.exec(line)?.[1];
    const prefix = /^insteadof\s*=\s*"?([^"#;\s]+)/i.exec(line)?.[1];
    if (
      base !== undefined &&
      prefix !== undefined &&
      url.startsWith(prefix) &&
      prefix.length > (best?.prefix.length ?? 0)
    )
      best = { prefix, base };
  }
  return best === undefined ? undefined : best.base + url.slice(best.prefix.length);
}

/**
 * Returns `HostName` of a host in an OpenSSH client configuration: the first value of a matching section. Skips `Match`
 * sections.
 */
export function hostName(config: string, host: string): string | undefined {
  let applies = true;
  for (const line of linesOf(config)) {
    const [keyword = '', ...values] = line.split(/[\s="]+/);
    switch (keyword.toLowerCase()) {
      case 'match':
        applies = false;
        break;
      case 'host':
        applies =
          values.some((pattern) => fits(pattern, host)) &&
          !values.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1), host));
        break;
      case 'hostname':
        if (applies && values[0] !== undefined) return values[0].replaceAll('%h', host);
    }
  }
  return undefined;
}

function linesOf(config: string): string[] {
  return config
    .split('\n')
    .filter((line) => line.length <= MAX_LINE_LENGTH)
    .map((line) => line.trim());
}

/**
 * Matches `*` and `?` in at most the product of the lengths: a regular expression with many `*` could keep the hook
 * busy.
 */
function fits(pattern: string, host: string): boolean {
  if (pattern === '') return false;
  let [p, h, star, resume] = [0, 0, -1, 0];
  while (h < host.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = h;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p]?.toLowerCase() === host[h]?.toLowerCase())) {
      p++;
      h++;
    } else if (star >= 0) {
      p = star + 1;
      h = ++resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}
