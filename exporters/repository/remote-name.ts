import { canonicalRepository, foldCase } from '#schemas/records/repository.js';
import { isOnWindowsDrive } from './local-path.js';

/** Alternative addresses of a host: SSH over the port of HTTPS, and `www`. */
const SAME_HOST: Readonly<Record<string, string>> = {
  'ssh.github.com': 'github.com',
  'www.github.com': 'github.com',
  'altssh.gitlab.com': 'gitlab.com',
  'www.gitlab.com': 'gitlab.com',
  'altssh.bitbucket.org': 'bitbucket.org',
  'www.bitbucket.org': 'bitbucket.org',
};

/** Longest URL that is parsed, so that a repository's configuration cannot keep the hook busy. */
const MAX_URL_LENGTH = 2_048;

/** Location of a remote: on a host, or in a folder of this machine. */
type Remote =
  | { readonly host: string; readonly user: string; readonly path: string; readonly isHttp: boolean }
  | { readonly folder: string };

/** Resolves a host without a dot through this machine's git and SSH configuration. */
export type ExpandAlias = (url: string, host: string) => { url: string } | { host: string } | undefined;

/**
 * Returns the repository's name from a git remote's URL, the same for every address of a repository: `owner/name` on
 * github.com, else `host/path`. User, password, port, query and fragment are never part of it. For a local path only
 * the last folder is used, since the rest is private to the machine. Undefined if nothing is left.
 */
export function remoteName(url: string, expandAlias: ExpandAlias = () => undefined): string | undefined {
  if (url.length > MAX_URL_LENGTH) return undefined;
  const remote = readRemote(url.trim());
  if (remote === undefined) return undefined;
  if ('folder' in remote) return localName(remote.folder);
  if (!remote.host.includes('.')) {
    const meant = expandAlias(url.trim(), remote.host);
    // Expanded once, as git does.
    if (meant !== undefined)
      return 'url' in meant ? remoteName(meant.url) : hostedName({ ...remote, host: meant.host });
  }
  return hostedName(remote);
}

/**
 * Returns the name of a folder or bare repository by its path; in lower case on a Windows drive, which is not
 * case-sensitive.
 */
export function localName(path: string): string | undefined {
  const name = withoutGit(
    path
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? '',
  );
  if (name === '') return undefined;
  return isOnWindowsDrive(path) ? foldCase(name) : name;
}

function readRemote(url: string): Remote | undefined {
  if (url.slice(0, 5).toLowerCase() === 'file:')
    return { folder: decoded(url.replace(/[?#].*$/, '')).replace(/^file:(?:\/\/)?(?:\/(?=[a-z]:))?/i, '') };
  // The plain form, which most have: parsing it as a URL takes the hook longer than everything else here.
  const plain = url.startsWith('https://')
    ? /^https:\/\/([A-Za-z0-9.-]+)\/([A-Za-z0-9_/-][A-Za-z0-9._/-]*)$/.exec(url)
    : null;
  if (plain !== null && plain[2]?.includes('/.') === false)
    return { host: plain[1] ?? '', user: '', path: plain[2], isHttp: true };
  if (url.includes('://') && /^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    if (!URL.canParse(url)) return undefined;
    const { protocol, hostname, username, pathname } = new URL(url);
    return { host: hostname, user: username, path: pathname, isHttp: protocol === 'https:' || protocol === 'http:' };
  }
  // scp-like: [user[:password]@]host:path
  const at = url.lastIndexOf('@');
  const withoutUser = url.slice(at + 1);
  const [, host = '', path = ''] = /^(\[[^\]]*\]|[^:]*):(.*)$/s.exec(withoutUser) ?? [];
  if (host.length > 1 && path === '') return undefined;
  // One letter, a colon and a slash is a Windows drive; a path with backslashes belongs to Windows.
  const isHost =
    host !== '' && !hasSlash(host) && !path.includes('\\') && !(host.length === 1 && hasSlash(path.slice(0, 1)));
  return isHost ? { host, user: url.slice(0, Math.max(at, 0)), path, isHttp: false } : { folder: withoutUser };
}

function hostedName({ host: written, user, path, isHttp }: Exclude<Remote, { folder: string }>): string | undefined {
  const lower = foldCase(written).replace(/\.$/, '');
  const host = SAME_HOST[lower] ?? /^ssh\.([^.]+\.ghe\.com)$/.exec(lower)?.[1] ?? lower;
  const segments = path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map(segmentOf);
  const last = withoutGit(segments.pop() ?? '');
  if (last === '' || host === '') return undefined;
  segments.push(last);
  const azure = azureName(host, foldCase(user), segments);
  if (azure !== undefined) return canonicalRepository(azure.join('/'));
  return canonicalRepository([host, ...withoutRouting(segments, isHttp)].join('/'));
}

/**
 * Returns `dev.azure.com/<organisation>/<project>/<repository>` for Azure DevOps, whose addresses omit a project that
 * is named like the repository. Undefined on another host.
 */
function azureName(host: string, user: string, segments: readonly string[]): string[] | undefined {
  const old = /^([^.]+)\.visualstudio\.com$/.exec(host)?.[1];
  if (old === undefined && host !== 'dev.azure.com' && host !== 'ssh.dev.azure.com') return undefined;
  const isVersioned = /^v\d+$/.test(segments[0] ?? '') && (host === 'ssh.dev.azure.com' || old === 'vs-ssh');
  // The organisation is in the path, in the host's name, or in the user name of the oldest SSH addresses.
  const ahead = isVersioned || old === undefined ? [] : [old === 'vs-ssh' ? user : old];
  const path = [...ahead, ...segments.slice(isVersioned ? 1 : 0)];
  const [organisation = '', ...rest] = path.filter(
    (part, index) => !(index === 1 && foldCase(part) === 'defaultcollection'),
  );
  const parts = rest.filter((part) => !/^_(?:git|ssh|full|optimized)$/i.test(part));
  const repository = parts.at(-1) ?? '';
  return ['dev.azure.com', organisation, parts.length < 2 ? repository : parts.slice(0, -1).join('/'), repository];
}

/**
 * Removes path prefixes that select a server's service: `_git` of Azure DevOps Server, `scm` of Bitbucket Data Center
 * over HTTP.
 */
function withoutRouting(segments: readonly string[], isHttp: boolean): readonly string[] {
  const path = segments.filter((part, index) => index === segments.length - 1 || !/^_(?:git|ssh)$/i.test(part));
  return isHttp && path.length === 3 && path[0] === 'scm' ? path.slice(1) : path;
}

/** Normalises the percent-encoding of a part of a path; white space stays encoded. */
function segmentOf(part: string): string {
  return decoded(part)
    .normalize('NFC')
    .replace(/[\s%/\u0000-\u001f\u007f]/g, encodeURIComponent);
}

function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const withoutGit = (name: string): string => (name.slice(-4).toLowerCase() === '.git' ? name.slice(0, -4) : name);

const hasSlash = (text: string): boolean => text.includes('/') || text.includes('\\');
