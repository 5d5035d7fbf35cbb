/**
 * Returns the URL of the remote `origin` in the text of a git config file; without an origin, that of the only other
 * remote. Does not follow includes and `insteadOf`.
 */
export function remoteUrl(config: string): string | undefined {
  const urls = new Map<string, string>();
  let remote: string | undefined;
  // Runs before every tool call: regular expressions only for the few relevant lines.
  for (const whole of config.split('\n')) {
    const line = whole.trim();
    if (line.startsWith('[')) {
      remote = remoteOf(line);
    } else if (remote !== undefined && !urls.has(remote) && line.slice(0, 3).toLowerCase() === 'url') {
      // Git fetches from the first url of a remote.
      const rest = line.slice(3).trimStart();
      if (rest.startsWith('=')) urls.set(remote, unquote(rest.slice(1).trimStart()));
    }
  }
  return urls.get('origin') ?? (urls.size === 1 ? [...urls.values()][0] : undefined);
}

/** Returns the name of the remote whose section a line begins; undefined for another section. */
function remoteOf(line: string): string | undefined {
  if (line === '[remote "origin"]') return 'origin';
  if (line.slice(1).trimStart().slice(0, 6).toLowerCase() !== 'remote') return undefined;
  const section = /^\[([^\]"]*)(?:"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
  return section?.[1]?.trim().toLowerCase() === 'remote' ? unescape(section[2]) : undefined;
}

function unquote(value: string): string {
  const quoted = value.startsWith('"') ? /^"((?:[^"\\]|\\.)*)"/.exec(value) : null;
  if (quoted !== null) return unescape(quoted[1]) ?? '';
  const mayHaveComment = value.includes('#') || value.includes(';');
  return mayHaveComment ? value.replace(/\s[#;].*$/, '').trim() : value;
}

function unescape(text: string | undefined): string | undefined {
  return text?.includes('\\') === true ? text.replace(/\\(.)/g, '$1') : text;
}
