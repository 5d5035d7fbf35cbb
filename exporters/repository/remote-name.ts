/**
 * The full name in a git remote's URL: the path without `.git`, e.g. `owner/name`. User, password, host,
 * query and fragment never get into it. A remote that is a local path gives only its last folder, since
 * the rest says where somebody keeps their files. Undefined when nothing is left.
 */
export function remoteName(url: string): string | undefined {
  const path = remotePath(url.trim());
  const name = path
    .replace(/\/+$/, '')
    .replace(/\.git$/i, '')
    .replace(/^\/+/, '')
    .replace(/\/{2,}/g, '/');
  return name === '' ? undefined : name;
}

function remotePath(url: string): string {
  if (/^file:/i.test(url)) return lastSegment(url.replace(/[?#].*$/, ''));
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return URL.canParse(url) ? new URL(url).pathname : '';
  // scp-like: [user[:password]@]host:path
  const withoutUser = url.slice(url.lastIndexOf('@') + 1);
  // A letter, a colon and a slash is a Windows drive.
  const scp = /^(?:[^/\\:]{2,}:|[A-Za-z]:(?![/\\]))(.+)$/.exec(withoutUser);
  return scp?.[1] ?? lastSegment(withoutUser);
}

function lastSegment(path: string): string {
  return path.replace(/[/\\]+$/, '').split(/[/\\]/).at(-1) ?? '';
}
