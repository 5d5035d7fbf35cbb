import { basename, dirname, resolve } from 'node:path';
import { candidates, guardedKind, holdsGuarded, isGuardedFolder, type GuardedKind, type GuardPlaces } from './guarded.js';
import { ANY, DYNAMIC, ONE, simpleCommands, type SimpleCommand } from './shell-words.js';

/** Names that stand, whole or in part, in every path that is guarded by its name. */
const NAMES = /agentshield|runtime-policy|\.claude|\.codex|\.gemini|settings|hooks\.json|config\.toml|shieldwatch|gemini-cli|claude-code/i;

/** Programs that write no file they are given, but by redirection or the options in {@link isReading}. */
const READERS = new Set([
  ...['cat', 'tac', 'nl', 'head', 'tail', 'less', 'more', 'bat', 'ls', 'll', 'dir', 'tree', 'stat', 'file', 'wc', 'du', 'df', 'grep', 'egrep', 'fgrep', 'rg', 'ag', 'ack'],
  ...['diff', 'cmp', 'comm', 'cksum', 'md5sum', 'sha1sum', 'sha256sum', 'sha512sum', 'shasum', 'od', 'hexdump', 'strings', 'cut', 'tr', 'column', 'fold', 'fmt', 'paste', 'join'],
  ...['jq', 'readlink', 'realpath', 'basename', 'dirname', 'pwd', 'cd', 'pushd', 'popd', 'echo', 'printf', 'test', '[', '[[', 'true', 'false', ':', 'which', 'type', 'whereis', 'command'],
  ...['sleep', 'wait', 'exit', 'return', 'export', 'local', 'declare', 'readonly', 'typeset', 'set', 'unset', 'shift', 'for', 'case', 'select', 'function', 'mkdir', 'date', 'env', 'printenv', 'id', 'whoami'],
  ...['awk', 'gawk', 'mawk', 'sed', 'sort', 'find', 'fd', 'git', 'base64', 'xxd', 'getfacl', 'lsattr', 'yq', 'pgrep', 'ps', 'lsof', 'read', 'shieldwatch'],
  ...['get-content', 'gc', 'select-string', 'get-childitem', 'gci', 'get-item', 'test-path', 'get-filehash'],
]);
/** What these print may be the names of files. */
const NAME_PRINTERS = new Set(['echo', 'printf', 'ls', 'find', 'fd', 'git', 'grep', 'rg', 'readlink', 'realpath', 'dirname', 'pwd', 'cat', 'base64', 'xxd', 'get-childitem', 'gci', 'pgrep', 'ps']);
/** Of `cat` and its like only here-documents count as names. */
const CONTENT_PRINTERS = new Set(['cat', 'grep', 'rg', 'git', 'base64', 'xxd']);
const GIT_READS = new Set(['status', 'diff', 'log', 'show', 'blame', 'ls-files', 'ls-tree', 'check-ignore', 'add', 'commit', 'grep', 'rev-parse', 'cat-file', 'describe', 'remote', 'branch', 'fetch', 'push', 'tag']);
const PREFIXES = new Set(['sudo', 'doas', 'command', 'builtin', 'exec', 'nohup', 'nice', 'ionice', 'time', 'timeout', 'stdbuf', 'setsid', 'env', 'busybox', 'xargs', 'parallel', 'then', 'else', 'elif', 'do', 'if', 'while', 'until', '!', '{', 'coproc', 'unbuffer', 'npx', 'bunx']);
const SHELLS = new Set(['sh', 'bash', 'zsh', 'dash', 'ksh', 'fish', 'ash', 'eval', 'su', 'script', 'watch', 'pwsh', 'powershell']);
const KILLERS = new Set(['kill', 'pkill', 'killall', 'killall5', 'systemctl', 'service', 'launchctl']);
/** Programs that take away, move or close a folder with all that is in it. */
const FOLDER_WRITERS = new Set(['rm', 'rmdir', 'unlink', 'shred', 'trash', 'chmod', 'chown', 'chgrp', 'chattr', 'setfacl', 'mount', 'umount', 'remove-item', 'ri', 'move-item', 'rename-item', 'rename']);
const COPIERS = new Set(['cp', 'install', 'rsync', 'scp', 'ln', 'mv', 'copy-item', 'cpi', 'ditto']);
const PACKAGE_MANAGERS = new Set(['npm', 'pnpm', 'yarn', 'bun', 'npx', 'bunx']);
/** Agents, and words that start one without its hooks. */
const AGENTS = new Set(['claude', 'codex', 'gemini']);
const HOOKLESS = /disableAllHooks|hooksConfig|enableHooks|allowManagedHooksOnly|bypass-hook-trust|features\.(?:codex_)?hooks|^--bare$|^--safe-mode$|^--settings(?:=|$)|^--setting-sources/i;

const MAX_DEPTH = 8;

/** Characters of a command, paths looked up for it and words compared, beyond which it is not judged any further. */
const MAX_LENGTH = 200_000;
const MAX_PATHS = 4_000;
const MAX_WORDS = 200_000;

/** Thrown where judging a command would take longer than an agent waits for its hook, after which it runs the tool. */
class TooMuch extends Error {}

/** Why a command would write what is guarded; undefined as far as its text does not say so. */
export function shellHarm(command: string, places: GuardPlaces, isPowerShell = false): string | undefined {
  const text = isPowerShell ? command.replaceAll('\\', '/') : command;
  try {
    return new ShellJudge(places, text).judge(text, 0);
  } catch (error) {
    if (error instanceof TooMuch) return 'the command names guarded files, and too many paths to be judged';
    throw error;
  }
}

interface Resolved {
  readonly program: string;
  readonly args: readonly string[];
  /** Its arguments come from what is piped into it. */
  readonly takesPiped: boolean;
}

class ShellJudge {
  readonly #places: GuardPlaces;
  /** Folder that the commands run in; undefined when it is not known any more. */
  #cwd: string | undefined;
  /** The whole command. */
  readonly #text: string;
  /** What {@link #guarded} found, by folder and word. */
  readonly #known = new Map<string, string | undefined>();
  #paths = 0;
  #words = 0;

  constructor(places: GuardPlaces, text: string) {
    this.#places = places;
    this.#text = text;
    this.#cwd = places.cwd;
  }

  judge(text: string, depth: number): string | undefined {
    const { env } = this.#places;
    const commands = depth > MAX_DEPTH || text.length > MAX_LENGTH ? undefined : simpleCommands(text, (name) => (name === 'PWD' ? this.#cwd : env[name]));
    if (commands === undefined) return NAMES.test(text.replace(/["'\\]/g, '')) ? 'the command names guarded files and is too long or too deep to be read' : undefined;
    return this.#judgeAll(commands, depth);
  }

  #judgeAll(commands: readonly SimpleCommand[], depth: number): string | undefined {
    const names = new Map<number, string[]>();
    for (const command of commands) {
      const inner = this.#judgeAll(command.inner, depth + 1);
      if (inner !== undefined) return inner;
      const { program, args, takesPiped } = resolveProgram(command.words);
      const printed = names.get(command.pipeline) ?? [];
      const harm = this.#judgeOne(command, { program, args, takesPiped }, printed, commands, depth);
      if (harm !== undefined) return harm;
      const documents = command.documents;
      if (NAME_PRINTERS.has(program)) printed.push(...(CONTENT_PRINTERS.has(program) ? [] : args), ...documents, ...command.inner.flatMap(({ words }) => words));
      names.set(command.pipeline, printed);
      if (program === 'cd' || program === 'pushd') this.#cwd = this.#changed(args.find((arg) => !arg.startsWith('-')));
    }
    return undefined;
  }

  #changed(folder: string | undefined): string | undefined {
    if (folder === undefined) return this.#places.env['HOME'];
    const [match] = folder.includes(ANY) || folder.includes(ONE) ? this.#matching(folder, true) : [];
    if (match !== undefined) return match;
    if (isOpen(folder)) return undefined;
    return folder.startsWith('/') ? resolve(folder) : this.#cwd === undefined ? undefined : resolve(this.#cwd, folder);
  }

  #judgeOne(command: SimpleCommand, { program, args, takesPiped }: Resolved, printed: readonly string[], all: readonly SimpleCommand[], depth: number): string | undefined {
    for (const { writes, target } of command.redirections) {
      const named = writes ? this.#guarded(target) : undefined;
      if (named !== undefined) return `it would write ${named}`;
    }
    if (program === '') return undefined;
    const control = this.#controlsGuard(program, args, printed, command);
    if (control !== undefined) return control;
    if (SHELLS.has(program)) {
      const harm = this.#judgeScript(program, args, [...command.documents, ...printed], depth);
      if (harm !== undefined) return harm;
      if (program === 'eval' || program === 'watch' || command.documents.length > 0 || args.some((arg) => /^-\w*c$/.test(arg))) return undefined;
    }
    if (isReading(program, args) && !takesPiped) return this.#scriptNames(program, args);
    if (takesPiped && this.#cwd !== undefined && isGuardedFolder(this.#cwd, this.#places)) return `${program} could write guarded files of its folder`;
    if (FOLDER_WRITERS.has(program) || (program === 'git' && args.some((arg) => arg === 'mv' || arg === 'rm') && !args.includes('--cached'))) {
      const folder = [...args, ...(takesPiped ? printed : [])].find((arg) => this.#isGuardedFolder(arg, program === 'rm'));
      if (folder !== undefined) return `it would take away or change a folder of guarded files (${shown(folder)})`;
    }
    if (program === 'find' && this.#mayFindGuarded(args)) return 'find could write guarded files';
    if (program === 'git' && args.includes('clean') && args.some((arg) => /^-\w*[xX]/.test(arg)) && holdsGuarded(this.#cwd ?? this.#places.cwd, this.#places)) return 'it would take away ignored files, which guarded ones may be';
    if (program === 'tar' || program === 'unzip' || program === 'bsdtar') {
      const folder = args.find((arg) => this.#isGuardedFolder(arg, false));
      if (folder !== undefined && (program === 'unzip' || args.some((arg, index) => arg === '--extract' || (index === 0 ? /x/ : /^-\w*x/).test(arg)))) return 'it would unpack into a folder of guarded files';
    }
    if (COPIERS.has(program)) return this.#judgeCopy(program, args, takesPiped ? printed : []);
    const texts = [...args, ...command.documents, ...(takesPiped || printed.length > 0 ? printed : []), ...command.inner.flatMap(({ words, documents }) => [...words, ...documents])];
    // Where a word is not known, it may be any that stands in the command.
    const everywhere = args.some((arg) => arg === DYNAMIC) ? all.flatMap(({ words, documents }) => [...words, ...documents]) : [];
    this.#words += texts.length + everywhere.length;
    if (this.#words > MAX_WORDS) throw new TooMuch();
    for (const word of [...texts, ...everywhere]) {
      const named = this.#namedIn(word);
      if (named !== undefined) return `${program} could write ${named}`;
    }
    return undefined;
  }

  /** Commands of the guard itself, and what ends its processes. */
  #controlsGuard(program: string, args: readonly string[], printed: readonly string[], { inner }: SimpleCommand): string | undefined {
    const words = [program, ...args];
    const ours = words.findIndex((word) => /(?:^|[/@])shieldwatch(?:-producers)?(?:@[^/]*)?$/.test(word) || /shieldwatch\S*\/cli\.m?js$/.test(word) || /\/dist\/(?:deploy|exporters)\/cli\.js$/.test(word));
    const rest = words.slice(ours + 1);
    if (ours >= 0 && rest.some((word) => ['install', 'uninstall', 'policy'].includes(word))) return 'only a person changes the guard, in a terminal of their own';
    if (PACKAGE_MANAGERS.has(program) && args.some((arg) => /^(?:uninstall|remove|rm|r|un|unlink)$/.test(arg)) && args.some((arg) => arg.includes('shieldwatch'))) return 'it would remove the guard';
    const named = [...args, ...printed, ...inner.flatMap((command) => command.words)];
    if (KILLERS.has(program) && named.some((word) => /shieldwatch/i.test(word))) return 'it would end a process of the guard';
    if (AGENTS.has(program) && args.some((arg) => HOOKLESS.test(arg))) return 'it would start an agent without its hooks';
    return undefined;
  }

  #judgeScript(program: string, args: readonly string[], documents: readonly string[], depth: number): string | undefined {
    const at = args.findIndex((arg) => arg === '-c' || /^-\w*c$/i.test(arg) || arg === '-Command');
    const scripts = program === 'eval' || program === 'watch' ? [args.filter((arg) => !arg.startsWith('-')).join(' ')] : [...(at < 0 ? [] : [args[at + 1] ?? '']), ...documents];
    for (const script of scripts) {
      const harm = this.judge(script.replaceAll(ANY, '*').replaceAll(ONE, '?').replaceAll(DYNAMIC, '$_'), depth + 1);
      if (harm !== undefined) return harm;
    }
    return undefined;
  }

  /** Programs whose first word is a script that may name a file to write. */
  #scriptNames(program: string, args: readonly string[]): string | undefined {
    if (!/^(?:sed|[gm]?awk)$/.test(program)) return undefined;
    const script = args.find((arg) => !arg.startsWith('-')) ?? '';
    const named = />|\bw\b|system|print/.test(script) ? this.#namedIn(script) : undefined;
    return named === undefined || this.#guarded(script) !== undefined ? undefined : `${program} could write ${named}`;
  }

  #judgeCopy(program: string, args: readonly string[], piped: readonly string[]): string | undefined {
    const into = args.find((arg) => arg.startsWith('--target-directory='))?.slice('--target-directory='.length) ?? (args.includes('-t') ? args[args.indexOf('-t') + 1] : undefined);
    const operands = args.filter((arg) => !arg.startsWith('-') && arg !== into);
    const destination = into ?? operands.at(-1) ?? '';
    const sources = [...(into === undefined ? operands.slice(0, -1) : operands), ...piped];
    const named = this.#guarded(destination);
    if (named !== undefined) return `it would write ${named}`;
    if (program === 'mv' || program === 'ln') {
      const moved = sources.map((source) => this.#guarded(source) ?? (this.#isGuardedFolder(source, program === 'mv') ? shown(source) : undefined)).find((it) => it !== undefined);
      if (moved !== undefined) return program === 'ln' ? `it would give ${moved} another name` : `it would take away ${moved}`;
    }
    if (args.length > 0 && sources.length === 0 && program === 'ln' && this.#isGuardedFolder(destination, false)) return 'it would give guarded files another name';
    if (!this.#isGuardedFolder(destination, false)) return undefined;
    const isWhole = (source: string): boolean => isOpen(source) || /(?:^|\/)\.{0,2}$/.test(source) || args.some((arg) => /^-\w*[rRa]/.test(arg) || arg === '--recursive' || arg === '--archive') || program === 'rsync';
    const overwriting = sources.find((source) => isWhole(source) || this.#guarded(`${destination}/${basename(source)}`) !== undefined);
    return overwriting === undefined ? undefined : 'it would copy over guarded files';
  }

  /** Whether `find` with an action could come upon guarded files: not when it looks for other names alone. */
  #mayFindGuarded(args: readonly string[]): boolean {
    const names = args.filter((_, index) => /^-(?:i?name|i?path|i?wholename|i?regex)$/.test(args[index - 1] ?? ''));
    const first = args.findIndex((arg) => /^[-(!]/.test(arg));
    const folders = args.slice(0, first < 0 ? args.length : first);
    if (folders.some((folder) => this.#isGuardedFolder(folder, false))) return true;
    if (names.length > 0 && !names.some((name) => NAMES.test(name))) return false;
    return (folders.length === 0 ? ['.'] : folders).some((folder) => this.#isGuardedFolder(folder, true));
  }

  /** The guarded file that a word names, for a person; undefined when it names none. */
  #guarded(word: string): string | undefined {
    if (word === '' || word === DYNAMIC || word.length > 4096) return undefined;
    const key = `${this.#cwd ?? ''}\0${word}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#lookUp(word));
    return this.#known.get(key);
  }

  #count(): void {
    this.#paths += 1;
    if (this.#paths > MAX_PATHS) throw new TooMuch();
  }

  #lookUp(word: string): string | undefined {
    this.#count();
    if (isOpen(word)) return this.#matching(word, false)[0];
    if (this.#cwd === undefined && !word.startsWith('/')) return isGuardedName(basename(word)) && /\.(?:claude|codex|gemini|agentshield)|shieldwatch/i.test(this.#text) ? shown(word) : undefined;
    const kind = guardedKind(resolve(this.#cwd ?? '/', word), this.#places);
    return isWritable(kind) ? undefined : shown(word);
  }

  /** A guarded file named anywhere in a word: after `=`, in the code for an interpreter, in a list. */
  #namedIn(word: string): string | undefined {
    const whole = this.#guarded(word);
    if (whole !== undefined) return whole;
    if (!NAMES.test(word) && !this.#places.own.some((path) => word.includes(path) || word.includes(basename(path)))) return undefined;
    for (const piece of word.slice(0, 1_000_000).split(/[^\w.~/@%+\-\ue000-\ue002]+/)) {
      const path = piece.startsWith('~/') ? `${this.#places.env['HOME'] ?? ''}${piece.slice(1)}` : piece;
      const named = piece === '' || !/[./\ue000-\ue002]/.test(piece) ? undefined : this.#guarded(path.replace(/^@/, ''));
      if (named !== undefined) return named;
    }
    // `join('.claude', 'settings.json')`, `chdir('.claude')`.
    const code = /['"(]/.test(word);
    const pair = [[/\.claude/i, /settings(?:\.local)?\.json/i], [/\.agentshield/i, /runtime-policy/i], [/\.codex/i, /config\.toml|hooks\.json/i], [/\.gemini/i, /settings\.json/i]] as const;
    return code && pair.some(([folder, file]) => folder.test(word) && file.test(word)) ? 'guarded files' : undefined;
  }

  #isGuardedFolder(word: string, isWhole: boolean): boolean {
    if (word === '' || word === DYNAMIC || word.startsWith('-')) return false;
    this.#count();
    const folders = isOpen(word) ? this.#matching(word, true) : this.#cwd === undefined && !word.startsWith('/') ? [] : [resolve(this.#cwd ?? '/', word)];
    return folders.some((folder) => isGuardedFolder(folder, this.#places) || (isWhole && holdsGuarded(folder, this.#places)));
  }

  /** Guarded paths, or folders above them, that a word with patterns or unknown parts could mean. What is all unknown means none. */
  #matching(word: string, isFolder: boolean): string[] {
    if (word.includes(DYNAMIC) && !NAMES.test(word)) return [];
    const path = word.startsWith('/') || word.startsWith(DYNAMIC) ? word : this.#cwd === undefined ? `${DYNAMIC}/${word}` : resolve(this.#cwd, word);
    let pattern: RegExp;
    try {
      const escaped = path.replace(/\/{2,}/g, '/').replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\/[\ue001\ue002]/g, (it) => `/(?!\\.)${it.slice(1)}`);
      pattern = new RegExp(`^${escaped.replace(/\ue000+/g, '.*').replace(/\ue001{2,}/g, '.*').replaceAll(ANY, '[^/]*').replaceAll(ONE, '[^/]')}/?$`, 'i');
    } catch {
      return [];
    }
    const found = candidates(this.#places).filter((path) => !isWritable(guardedKind(path, this.#places)));
    return isFolder ? found.flatMap(foldersAbove).filter((folder) => pattern.test(folder)) : found.filter((it) => pattern.test(it));
  }
}

/** Dotenv files are guarded against single variables alone, which only the result of an edit shows. */
const isWritable = (kind: GuardedKind | undefined): boolean => kind === undefined || kind === 'dotenv';

const isGuardedName = (name: string): boolean => /^(?:settings(?:\.local)?\.json|runtime-policy\.json|config\.toml|hooks\.json|managed-settings.*|hook\.cjs)$/i.test(name);

const isOpen = (word: string): boolean => /[\ue000-\ue002]/.test(word);

const shown = (word: string): string => word.replaceAll(DYNAMIC, '…').replaceAll(ANY, '*').replaceAll(ONE, '?').slice(0, 100);

function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) folders.push(folder);
  return folders;
}

/** The program that a command runs, past assignments and what starts it. */
function resolveProgram(words: readonly string[]): Resolved {
  let takesPiped = false;
  let at = 0;
  for (; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const name = programName(word);
    if (/^[A-Za-z_]\w*\+?=/.test(word)) continue;
    if (!PREFIXES.has(name)) break;
    if (name === 'xargs' || name === 'parallel') takesPiped = true;
    const split = name === 'env' ? splitString(words.slice(at + 1)) : undefined;
    if (split !== undefined) return { ...resolveProgram(split), takesPiped };
    // Options of the prefix, and a number that one of them or `timeout` takes.
    if (/^[\w./-]+$/.test(name) && !['if', 'then', 'else', 'elif', 'do', 'while', 'until'].includes(name)) {
      while (/^-|^\d+[smhd]?$|^[A-Za-z_]\w*=|^\{\}$/.test(words[at + 1] ?? '')) at += 1;
    }
  }
  return { program: programName(words[at] ?? ''), args: words.slice(at + 1), takesPiped };
}

/** The words that `env -S 'a b' c` runs; undefined without that option. */
function splitString(args: readonly string[]): string[] | undefined {
  const at = args.findIndex((arg) => /^(?:-[i0v]*S|--split-string)/.test(arg));
  if (at < 0) return undefined;
  const joined = (args[at] ?? '').replace(/^(?:-[i0v]*S|--split-string=?)/, '');
  const text = joined === '' ? (args[at + 1] ?? '') : joined;
  return [...text.split(/\s+/).filter((word) => word !== ''), ...args.slice(joined === '' ? at + 2 : at + 1)];
}

function programName(word: string): string {
  return basename(word).toLowerCase().replace(/\.exe$/, '');
}

/** Whether a program only reads the files it is given. */
function isReading(program: string, args: readonly string[]): boolean {
  if (!READERS.has(program)) return false;
  const has = (pattern: RegExp): boolean => args.some((arg) => pattern.test(arg));
  switch (program) {
    case 'sed':
      return !has(/^-[a-zA-Z]*i|^--in-place/);
    case 'yq':
      return !has(/^-[a-zA-Z]*i|^--inplace/);
    case 'awk':
    case 'gawk':
    case 'mawk':
      return !has(/^(?:-i|inplace|--include)/);
    case 'sort':
      return !has(/^-[a-zA-Z]*o|^--output/);
    case 'tree':
      return !has(/^-o/);
    case 'xxd':
      return !has(/^-\w*r|^--revert/) && args.filter((arg) => !arg.startsWith('-')).length < 2;
    case 'find':
      return !has(/^-(?:delete|exec|execdir|ok|okdir|fprint|fprint0|fprintf|fls)$/);
    case 'fd':
      return !has(/^(?:-x|-X|--exec|--exec-batch)/);
    case 'rg':
      return !has(/^--pre/);
    case 'git': {
      const command = args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '-C' && args[index - 1] !== '-c') ?? '';
      return GIT_READS.has(command) && !has(/^--output|^-c$|^-c=/);
    }
    default:
      return true;
  }
}
