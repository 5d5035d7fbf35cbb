/**
 * Words by which `redaction-readers.ts` tells a secret from what only stands near one. The collector's configuration is
 * generated from them, so a word is added here and nowhere else. All are lower case.
 */

/** Last words of a name that is about a secret, and holds none: `token_type`, `secretName`, `passwordHint`. */
const ABOUT: readonly string[] = [
  'type', 'types', 'name', 'names', 'id', 'ids', 'count', 'counts', 'counter', 'limit', 'limits', 'file', 'files', 'filename', 'path', 'paths', 'dir', 'url', 'urls',
  'uri', 'endpoint', 'expiry', 'expires', 'expiration', 'expired', 'ttl', 'length', 'len', 'size', 'min', 'max', 'usage', 'used', 'budget',
  'total', 'ref', 'refs', 'reference', 'arn', 'policy', 'policies', 'version', 'kind', 'class', 'provider', 'providers', 'manager', 'field', 'fields', 'label', 'labels',
  'placeholder', 'hint', 'prompt', 'message', 'messages', 'error', 'errors', 'regex', 'pattern', 'patterns', 'required', 'enabled', 'disabled', 'status',
  'state', 'store', 'storage', 'service', 'scope', 'scopes', 'issuer', 'audience', 'algorithm', 'rotation', 'age', 'date', 'format', 'index',
  'position', 'offset', 'embd', 'embedding', 'embeddings', 'vocab', 'rate', 'cost', 'price', 'mode', 'env', 'var', 'variable', 'variables', 'header', 'headers', 'method',
  'source', 'strength', 'generator', 'validator', 'validation', 'helper', 'utils', 'test', 'tests', 'spec', 'module', 'component', 'page',
  'form', 'input', 'screen', 'view', 'controller', 'handler', 'schema', 'model', 'detector', 'detection', 'scanner', 'scanning', 'parser', 'stream',
  'annotation', 'at', 'backoff', 'callback', 'cert', 'certificate', 'changed', 'cls', 'cursor', 'delimiter', 'details', 'factory', 'fetcher', 'flow', 'func', 'groups', 'host', 'interval', 'line',
  'listener', 'middleware', 'observer', 'observers', 'port', 'prefix', 'promotion', 'provided', 'reader', 'reset', 'resolver', 'response', 'result', 'retries', 'role', 'roles', 'separator', 'stdin',
  'strategy', 'suffix', 'template', 'timeout', 'uses', 'wrapper', 'writer',
];

/** What may follow a name without a sign between: `secretkey`, `tokens`. */
const GLUED: readonly string[] = ['s', 'key', 'keys', 'value', 'values', 'text', 'string', 'base'];

/** Values that say what a secret is, or that there is none. */
const LITERALS: readonly string[] = [
  'undefined', 'required', 'optional', 'disabled', 'argument', 'arguments', 'parameter', 'parameters', 'followed', 'provided', 'encrypted', 'redacted', 'password',
  'passphrase', 'interactive', 'keychain', 'keyring', 'external', 'environment', 'authentication', 'authorization', 'function', 'securestring', 'secretstring', 'sensitive', 'expected', 'protected', 'generated',
  'requires', 'accepts', 'contains', 'specified', 'boolean', 'unchanged', 'available', 'necessary', 'included', 'supported', 'something', 'anything', 'whatever', 'unspecified', 'invalid', 'notempty', 'nullable',
];

/** Words of a sentence about a password; a passphrase has none of them. */
const PROSE: readonly string[] = [
  'a', 'an', 'and', 'any', 'are', 'as', 'at', 'be', 'but', 'by', 'can', 'cannot', 'characters', 'confirm', 'contain', 'current', 'do', 'does', 'enter', 'field', 'for', 'forgot', 'from', 'has', 'have', 'if',
  'in', 'incorrect', 'invalid', 'is', 'it', 'least', 'login', 'match', 'must', 'new', 'no', 'not', 'of', 'on', 'or', 'passwd', 'password', 'passwords', 'passphrase', 'please', 'required', 'reset',
  'secret', 'set', 'should', 'that', 'the', 'this', 'to', 'token', 'type', 'use', 'used', 'user', 'username', 'value', 'was', 'when', 'will', 'with', 'wrong', 'you', 'your',
];

/** Objects and words of source code that only name the place where a secret comes from. */
const SOURCES: readonly string[] = [
  'this', 'self', 'process', 'options', 'opts', 'config', 'req', 'request', 'res', 'ctx', 'context', 'params', 'props', 'state', 'args', 'env', 'os', 'settings',
  'data', 'input', 'payload', 'await', 'new', 'typeof', 'function', 'async', 'return', 'string', 'boolean', 'secrets', 'vars', 'var', 'local', 'module', 'event', 'body', 'import',
];

/** Begins of a function that gets a secret. */
const GETTERS: readonly string[] = ['get', 'read', 'load', 'fetch', 'create', 'make', 'generate', 'resolve', 'require', 'parse', 'find', 'next', 'is', 'has'];

/** What stands before a colon and an address and is no user: `mailto:someone@example.com`. */
const NO_USERS: readonly string[] = ['mailto', 'email', 'e-mail', 'mail', 'from', 'to', 'cc', 'bcc', 'sender', 'recipient', 'author', 'by', 'acct', 'sip', 'sips', 'xmpp', 'npm', 'git', 'contact', 'owner'];

/**
 * Options by which a program is given a secret: by the words that begin its command line. A sign behind an option says
 * what its value is: `:` user and password, `%` the same with a percent sign, `=` a cookie, `~` a secret only where the
 * value looks like one, unless it is glued to the option.
 */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  curl: ['-u:', '--user:', '-U:', '--proxy-user:', '--oauth2-bearer', '--pass', '--proxy-pass', '-b=', '--cookie='],
  'http ': ['-a:', '--auth:'],
  'https ': ['-a:', '--auth:'],
  'xh ': ['-a:', '--auth:'],
  mysql: ['-p~'],
  mysqldump: ['-p~'],
  mysqladmin: ['-p~'],
  mysqlimport: ['-p~'],
  mariadb: ['-p~'],
  'mariadb-dump': ['-p~'],
  sshpass: ['-p'],
  'docker login': ['-p'],
  'podman login': ['-p'],
  'nerdctl login': ['-p'],
  'buildah login': ['-p'],
  'crane auth login': ['-p'],
  'oras login': ['-p'],
  'helm registry login': ['-p'],
  'oc login': ['-p'],
  'cf login': ['-p'],
  'az login': ['-p'],
  'redis-cli': ['-a', '--pass'],
  'mongo ': ['-p'],
  mongosh: ['-p'],
  mongodump: ['-p'],
  mongorestore: ['-p'],
  mongoexport: ['-p'],
  sqlcmd: ['-P'],
  ldapsearch: ['-w'],
  ldapadd: ['-w'],
  ldapmodify: ['-w'],
  smbclient: ['-U%'],
  rabbitmqadmin: ['-p'],
  'openssl ': ['-passin', '-passout', '-pass'],
  'zip ': ['-P'],
  'unzip ': ['-P'],
  '7z ': ['-p'],
  vsql: ['-w'],
  'ssh-keygen': ['-N', '-P'],
};

/** Accounts of programs that stand before the host of a repository. */
const SERVICE_USERS: readonly string[] = ['aur', 'forgejo', 'git', 'gitea', 'gitlab', 'gogs', 'hg', 'svn'];

/** Login names that are nobody's. */
const SHARED_LOGINS: readonly string[] = [
  'actions', 'admin', 'administrator', 'app', 'appuser', 'build', 'builder', 'ci', 'circleci', 'codespace', 'coder', 'default', 'dev', 'docker', 'ec2-user', 'gitlab-runner', 'gitpod',
  'jenkins', 'linuxbrew', 'me', 'node', 'nobody', 'nonroot', 'public', 'root', 'runner', 'runneradmin', 'sandbox', 'shared', 'system', 'travis', 'ubuntu', 'user', 'username', 'vagrant', 'vscode', 'you',
  'your-name', 'your-username', 'yourname',
];

/** Ends of file names and units that are no top-level domains: `getty@tty1.service`, `icon@dark.svg`, `fn@app.js:12`. */
const FILE_ENDS: readonly string[] = [
  'bak', 'bundle', 'cfg', 'chunk', 'cjs', 'conf', 'cpp', 'css', 'csv', 'deb', 'dll', 'env', 'exe', 'gif', 'go', 'gz', 'hpp', 'htm', 'html', 'ico', 'ini', 'ipynb', 'jar', 'java', 'jpeg', 'jpg', 'js', 'json',
  'jsx', 'kt', 'lock', 'log', 'lua', 'min', 'mjs', 'mount', 'patch', 'pdf', 'php', 'png', 'proto', 'rb', 'rpm', 'scss', 'service', 'slice', 'socket', 'sql', 'svg', 'swift', 'tar', 'tgz', 'timer', 'tmp',
  'toml', 'ts', 'tsx', 'txt', 'vue', 'wasm', 'webp', 'whl', 'xml', 'yaml', 'yml',
];

/** Folders below which homes are, besides the root: `/var/home/alice`, `/mnt/c/Users/alice`. */
const HOMES_BELOW: readonly string[] = ['data', 'export', 'host', 'mnt', 'net', 'nfs', 'rootfs', 'usr', 'var'];

/**
 * By a letter, `a` to `z`: the letters that follow it within words. The 210 pairs that are most frequent in the 7,000 words that
 * identifiers of the corpus's packages (deploy/soak/redaction-corpus) use most, and `keys`: nine of ten pairs there, three of ten by chance.
 */
const PAIRS: readonly string[] = [
  'bcdgilmnprstuvy', 'aeilosu', 'acehiklortu', 'aeiosu', 'acdefglmnprstvxy', 'aefiloru', 'aeinr', 'aeio', 'abcdefglmnoprstvz', '', 'eis', 'adeilostuy', 'aeimopsu', 'acdefginostuv',
  'abcdgilmnoprstuvw', 'aehiloprstu', 'u', 'acdegikmnorstuy', 'acehilopstu', 'acehilorstuy', 'abcelmnprst', 'aei', 'aei', 'pt', 'ps', 'e',
];

export const VOCABULARY = { pairs: PAIRS, about: ABOUT, glued: GLUED, literals: LITERALS, prose: PROSE, sources: SOURCES, getters: GETTERS, no_users: NO_USERS, commands: COMMANDS, service_users: SERVICE_USERS, shared_logins: SHARED_LOGINS, file_ends: FILE_ENDS, homes_below: HOMES_BELOW } as const;
