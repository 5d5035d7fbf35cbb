/**
 * URL of the remote `origin` in the text of a git config file; where there is no origin but exactly one
 * other remote, that one's. Includes and `insteadOf` are not followed.
 */
export function remoteUrl(config: string): string | undefined {
  const urls = new Map<string, string>();
  let remote: string | undefined;
  for (const line of config.split(/\r?\n/)) {
    const section = /^\s*\[([^\]"]*)(?:"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (section !== null) {
      const isRemote = section[1]?.trim().toLowerCase() === 'remote';
      remote = isRemote ? section[2]?.replace(/\\(.)/g, '$1') : undefined;
      continue;
    }
    const url = /^\s*url\s*=\s*(.*)$/i.exec(line)?.[1];
    // Git uses the first url of a remote to fetch from.
    if (remote !== undefined && url !== undefined && !urls.has(remote)) urls.set(remote, unquote(url));
  }
  return urls.get('origin') ?? (urls.size === 1 ? [...urls.values()][0] : undefined);
}

function unquote(value: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(value);
  if (quoted !== null) return (quoted[1] ?? '').replace(/\\(.)/g, '$1');
  return value.replace(/\s[#;].*$/, '').trim();
}
