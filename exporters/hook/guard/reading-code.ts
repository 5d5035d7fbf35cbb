/**
 * Returns whether code for an interpreter (Python, Node, Ruby) certainly only reads: it consists only of these names,
 * names that it assigns itself, and strings of which none opens a file for writing. Unknown code may write.
 */
export function codeReadsOnly(code: string): boolean {
  if (code.length > 4000 || /[\\`#\ue000-\ue003]|\/\/|\/\*|"""|'''|\$\{|\b(?:f|fr|rf)["']/i.test(code)) return false;
  const strings: string[] = [];
  const rest = code.replace(/"([^"\n]*)"|'([^'\n]*)'/g, (_, double?: string, single?: string) => {
    strings.push(double ?? single ?? '');
    return ' "" ';
  });
  if (/[/']|"(?!" )(?<! "")/.test(rest)) return false;
  if (strings.some((text) => text.startsWith('|') || (/^[rwaxbtU+]{1,4}$/.test(text) && /[wax+]/.test(text))))
    return false;
  // A name looked up by a string may be any function.
  if (/\]\s*\(/.test(rest) || (/\brequire\b/.test(rest) && rest.includes('['))) return false;
  const loaded = [...code.matchAll(/\brequire\s*\(\s*["']([^"']*)/g)].map(([, name = '']) => name);
  if (/\brequire\b(?!\s*\(\s*["'])/.test(code) || loaded.some((name) => !/^(?:node:)?(?:fs|path)$|\.json$/.test(name)))
    return false;
  const assigned = new Set(
    [...rest.matchAll(/\b([A-Za-z_]\w*)\s*(?==[^=])|\b(?:as|for|const|let|var|lambda)\s+([A-Za-z_]\w*)/g)].map(
      ([, one, other]) => one ?? other ?? '',
    ),
  );
  // A property that is not called has no effect, unless it is assigned to a name that can be called.
  const named = assigned.size > 0 ? rest : rest.replace(/\.[A-Za-z_]\w*(?!\s*\(|\w)/g, '');
  return [...named.matchAll(/[A-Za-z_$][\w$]*/g)].every(([name]) => READING.has(name) || assigned.has(name));
}

const READING = new Set([
  ...[
    'import',
    'from',
    'as',
    'for',
    'in',
    'of',
    'if',
    'else',
    'elif',
    'not',
    'and',
    'or',
    'is',
    'with',
    'const',
    'let',
    'var',
    'lambda',
    'True',
    'False',
    'None',
    'true',
    'false',
    'null',
    'undefined',
  ],
  ...[
    'open',
    'read',
    'readline',
    'readlines',
    'read_text',
    'read_bytes',
    'readFileSync',
    'existsSync',
    'exists',
    'is_file',
    'isfile',
    'File',
    'IO',
    'Path',
    'pathlib',
    'fs',
    'require',
    'encoding',
    'utf8',
  ],
  ...[
    'json',
    'JSON',
    'load',
    'loads',
    'parse',
    'dumps',
    'stringify',
    'indent',
    'tomllib',
    'sys',
    'argv',
    'stdin',
    'pprint',
    'pp',
    'p',
    'puts',
    'print',
    'console',
    'log',
  ],
  ...[
    'len',
    'sorted',
    'list',
    'dict',
    'set',
    'str',
    'int',
    'bool',
    'type',
    'keys',
    'values',
    'items',
    'entries',
    'get',
    'Object',
    'split',
    'splitlines',
    'strip',
    'trim',
    'join',
    'includes',
    'startswith',
    'endswith',
    'count',
    'length',
    'size',
    'toString',
    'enumerate',
    'any',
    'all',
    'sep',
    'end',
  ],
]);
