import { resolve } from 'node:path';
import { environment } from '../environment.js';

/** Names of keys that contain paths in the inputs of tools. */
export const PATH_KEYS = /path|file|source|destination|target|uri|link|dir|folder|^(?:from|to)$/i;

/** Maximum characters of a path; a longer value under such a key is not one. */
export const MAX_PATH = 4096;

/**
 * Returns every absolute path that a tool may derive from a text: relative to the call's folder or the home folder, as
 * a `file:` URL, and in the forms of Windows and WSL (`C:\a`, `\\wsl$\Ubuntu\a`, names that end with dots or blanks).
 */
export function pathForms(path: string, cwd: string, home = environment['HOME']): string[] {
  const plain = resolve(cwd, path);
  // Nearly all are plain; this runs before every tool call.
  if (/^(?!\/\/)[\w./@+-]+$/.test(path) && !/\.(?:\/|$)/.test(path)) return [plain];
  const forms = new Set([plain]);
  let text = path.replaceAll('\0', '');
  if (/^file:/i.test(text))
    text = decoded(text.replace(/^file:(?:\/\/[^/\\]*(?=[/\\]))?/i, '').replace(/^[/\\](?=[a-z]:)/i, ''));
  if (home !== undefined && home !== '') text = text.replace(/^~(?=[/\\]|$)/, home);
  for (const form of new Set([text, text.trim(), text.normalize('NFC')])) {
    forms.add(resolve(cwd, form));
    const slashed = form.replace(/\\/g, '/').replace(/^\/\/[?.]\//, '');
    const wsl = /^\/\/wsl(?:\$|\.localhost)\/[^/]*(\/.*)?$/i.exec(slashed);
    const drive = /^([a-z]):(\/?)(.*)$/is.exec(slashed);
    if (wsl !== null) add(wsl[1] ?? '/');
    else if (drive !== null) {
      const [, letter = '', root = '', rest = ''] = drive;
      forms.add(slashed);
      if (root === '') add(resolve(cwd, rest));
      else for (const mount of ['/mnt/', '/']) add(`${mount}${letter.toLowerCase()}/${rest}`);
    } else add(resolve(cwd, slashed));
  }
  return [...forms];

  function add(absolute: string): void {
    forms.add(resolve(absolute));
    // Windows ignores dots and blanks at the end of a name, and opens its data through `::$DATA`.
    forms.add(
      resolve(
        absolute
          .replace(/:(?::\$data)?(?=\/|$)/gi, '')
          .split('/')
          .map((name) => (/^\.{1,2}$/.test(name) ? name : name.replace(/[. ]+$/, '')))
          .join('/'),
      ),
    );
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
