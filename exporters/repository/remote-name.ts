/**
 * The full name in a git remote's URL: the path without `.git`, e.g. `owner/name`. User, password, host,
 * query and fragment never get into it. A remote that is a local path gives only its last folder, since
 * the rest says where somebody keeps their files. Undefined when nothing is left.
 */
export function remoteName(url: string): string | undefined {
  let name = remotePath(url.trim());
  while (name.endsWith('/')) name = name.slice(0, -1);
  if (name.slice(-4).toLowerCase() === '.git') name = name.slice(0, -4);
  while (name.startsWith('/')) name = name.slice(1);
  if (name.includes('//')) name = name.replace(/\/{2,}/g, '/');
  return name === '' ? undefined : name;
}

function remotePath(url: string): string {
  if (url.slice(0, 5).toLowerCase() === 'file:') return lastSegment(url.replace(/[?#].*$/, ''));
  // The plain form, which most have: making a URL of it takes the hook longer than all else here.
  const plain = url.startsWith('https://') ? /^https:\/\/[A-Za-z0-9.-]+\/([A-Za-z0-9_/-][A-Za-z0-9._/-]*)$/.exec(url)?.[1] : undefined;
  if (plain?.includes('/.') === false) return plain;
  if (url.includes('://') && /^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return URL.canParse(url) ? new URL(url).pathname : '';
  // scp-like: [user[:password]@]host:path
  const withoutUser = url.slice(url.lastIndexOf('@') + 1);
  const colon = withoutUser.indexOf(':');
  const [host, path] = [withoutUser.slice(0, Math.max(colon, 0)), withoutUser.slice(colon + 1)];
  // One letter, a colon and a slash is a Windows drive.
  const isHost = host !== '' && !hasSlash(host) && !(host.length === 1 && hasSlash(path.slice(0, 1)));
  return isHost && path !== '' ? path : lastSegment(withoutUser);
}

const hasSlash = (text: string): boolean => text.includes('/') || text.includes('\\');

function lastSegment(path: string): string {
  return path.replace(/[/\\]+$/, '').split(/[/\\]/).at(-1) ?? '';
}
