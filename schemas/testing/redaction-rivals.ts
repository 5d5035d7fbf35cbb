import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../root.js';

/** A rule of gitleaks: the patterns of a secret and of the name that must stand before it; neither where it is of a file. */
interface GitleaksRule {
  readonly name?: string;
  readonly secret?: string;
}
/** Written by `npm run soak -- redaction-rivals write`. */
interface Rivals {
  readonly gitleaks: { readonly source: string; readonly rules: Readonly<Record<string, GitleaksRule>> };
  readonly secretlint: {
    readonly source: string;
    readonly rules: Readonly<Record<string, { readonly messages: readonly string[] }>>;
  };
}
export const RIVALS = JSON.parse(
  readFileSync(join(packageRoot(), 'schemas', 'redaction.rivals.json'), 'utf8'),
) as Rivals;

/** A text with a secret that a rival's rule finds. */
export interface Sample {
  readonly text: string;
  readonly secret: string;
}

const SAMPLES = 12;
const SEED = 16;

/** Strings that a pattern matches, by chance, the same ones in every run. Of what a pattern asks of its surroundings nothing is looked at. */
function stringsOf(pattern: string, count = SAMPLES): string[] {
  // The generator of Numerical Recipes: 32 bits, of which the upper ones are used.
  let state = SEED;
  const below = (most: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  return Array.from({ length: count }, () => new Sampler(pattern, below).alternatives());
}

/** Makes one string of a pattern of RE2 or JavaScript: classes, groups, alternatives, bounded repetition. Ignores flags and assertions. */
class Sampler {
  readonly #pattern: string;
  readonly #below: (most: number) => number;
  #at = 0;
  constructor(pattern: string, random: (most: number) => number) {
    this.#pattern = pattern;
    this.#below = random;
  }
  alternatives(): string {
    const made = [this.#sequence()];
    while (this.#pattern[this.#at] === '|') {
      this.#at += 1;
      made.push(this.#sequence());
    }
    return made[this.#below(made.length)] ?? '';
  }
  #sequence(): string {
    let made = '';
    while (this.#at < this.#pattern.length && !'|)'.includes(this.#pattern[this.#at] ?? '')) {
      const from = this.#at;
      let each = this.#atom();
      const to = this.#at;
      const [quantifier, least, most] = /^(?:\{(\d+)(?:,(\d*))?\}|[*+?])\??/.exec(this.#pattern.slice(to)) ?? [];
      if (quantifier !== undefined) {
        const few = quantifier.startsWith('+') ? 1 : Number(least ?? 0);
        const many = quantifier.startsWith('?')
          ? 1
          : quantifier.startsWith('{') && most === undefined
            ? few
            : Number(most || few + 20);
        const times = few + this.#below(many - few + 1);
        each = '';
        for (let i = 0; i < times; i++) {
          this.#at = from;
          each += this.#atom();
        }
        this.#at = to + quantifier.length;
      }
      made += each;
    }
    return made;
  }
  #atom(): string {
    const rest = this.#pattern.slice(this.#at);
    const [group] = /^\((?:\?(?:P?<\w+>|[a-z-]*:|[a-z]+(?=\))))?/.exec(rest) ?? [];
    if (group !== undefined) {
      this.#at += group.length;
      const made = this.alternatives();
      this.#at += 1;
      return made;
    }
    const [atom = ''] = /^(?:\[\^?(?:\[:\w+:\]|\\.|[^\]\\])+\]|\\x[0-9a-f]{2}|\\.|.)/s.exec(rest) ?? [];
    this.#at += atom.length;
    if (/^(?:[$^]|\\[bBz])$/.test(atom)) return '';
    const fitting = charactersOf(atom);
    return fitting[this.#below(fitting.length)] ?? '';
  }
}

const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const known = new Map<string, readonly string[]>();
/** The printable characters that a class or character of a pattern takes; a line break where it is one. */
function charactersOf(atom: string): readonly string[] {
  let characters = known.get(atom);
  if (characters === undefined) {
    const of = new RegExp(`^${atom.replaceAll('[:alnum:]', 'A-Za-z0-9').replace(/^[{}]$/, '\\$&')}$`);
    characters = atom === '\n' ? ['\n'] : PRINTABLE.filter((character) => of.test(character));
    known.set(atom, characters);
  }
  return characters;
}

/** Where a secret stands behind a name that has `service` in it. */
const NAMED: readonly ((service: string, secret: string) => string)[] = [
  (service, secret) => `${service}=${secret}`,
  (service, secret) => `export ${service.toUpperCase()}_API_TOKEN="${secret}"`,
  (service, secret) => `{"${service}Token": "${secret}", "other": 1}`,
  (service, secret) => `${service}_secret_key: ${secret}\n`,
  (service, secret) => `const ${service}Key = '${secret}';`,
];
/** Where a secret stands that shows by itself what it is. */
const ALONE: readonly ((secret: string) => string)[] = [
  (secret) => `answer: ${secret} (200)`,
  (secret) => `{"value":"${secret}"}`,
  (secret) => `THING=${secret}\n`,
];

/** Patterns of gitleaks' rules that are about more than the secret, in other words: the secret is what stands in `<<` and `>>`. */
const WHOLE: Readonly<Record<string, string>> = {
  'aws-amazon-bedrock-api-key-short-lived': 'bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/]{200,400}={0,2}',
  'azure-ad-client-secret': ' <<[a-zA-Z0-9_~.]{3}[0-9]Q~[a-zA-Z0-9_~.-]{31,34}>> ',
  'curl-auth-header': 'curl -H "Authorization: Basic <<[a-z0-9+/]{18,30}=>>" https://x[.]test',
  'curl-auth-user': 'curl -u <<[a-z]{3,8}:[a-zA-Z0-9@.-]{8,20}>> https://x[.]test',
  'freemius-secret-key': `'secret_key' => '<<sk_[a-zA-Z0-9]{29}>>'`,
  jwt: 'eyJ[a-zA-Z0-9_-]{17,40}[.]eyJ[a-zA-Z0-9_-]{17,90}[.][a-zA-Z0-9_-]{43}',
  'jwt-base64':
    'ZXlKaGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5LmV5Sn(?:pkV0lpT2lKbVlXdGxJbjA|b1pXeHNieUk2TVgw)LkZBS0Uw[MN]DAwZmFrZTAwMDBGQUtFMDAwMA',
  'hashicorp-tf-password': 'administrator_login_password = "<<[a-zA-Z0-9_=-]{8,20}>>"',
  'kubernetes-secret-yaml': 'kind: Secret\ndata:\n  tls: <<[A-Za-z0-9+/]{40}==>>\n',
  'nuget-config-password': '<add key="ClearTextPassword" value="<<[A-Za-z0-9@!]{8,20}>>" />',
  'private-key':
    '-----BEGIN RSA PRIVATE KEY-----\n<<[A-Za-z0-9+/]{64}\n[A-Za-z0-9+/]{32}>>\n-----END RSA PRIVATE KEY-----',
  'slack-config-access-token': 'xoxe[.]xox[bp]-[0-9]-[A-Z0-9]{163,166}',
  'slack-webhook-url': 'https://hooks[.]slack[.]com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{43,56}',
  'sidekiq-secret': 'BUNDLE_(?:GEMS|ENTERPRISE)__CONTRIBSYS__COM=<<[a-f0-9]{8}:[a-f0-9]{8}>>',
  'sidekiq-sensitive-url': 'https://<<[a-f0-9]{8}:[a-f0-9]{8}>>@gems[.]contribsys[.]com/',
};

/** Patterns of the kinds that secretlint reports, by rule and message, in the same way. */
const SECRETLINT: Readonly<Record<string, string>> = {
  '1password/OPS_TOKEN': 'ops_eyJ[A-Za-z0-9+/]{120,200}fQ==',
  'anthropic/ANTHROPIC_API_KEY': 'sk-ant-api0[0-9]-[A-Za-z0-9_-]{90,128}AA',
  'aws/AWSAccessKeyID': '(?:A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA)[A-Z0-9]{16}',
  'aws/AWSAccountID': 'AWS_ACCOUNT_ID=<<[0-9]{12}>>',
  'aws/AWSSecretAccessKey': 'AWS_SECRET_ACCESS_KEY=<<[A-Za-z0-9/+=]{40}>>',
  'basicauth/BasicAuth': 'https://<<[A-Za-z0-9_-]{4,10}:[A-Za-z0-9_-]{8,20}>>@x[.]example',
  'database-connection-string/MongoDBConnection':
    'mongodb[+]srv://<<[a-z]{4,8}:[A-Za-z0-9!%^]{8,20}>>@db[.]internal/app',
  'database-connection-string/MySQLConnection': 'jdbc:mysql://<<[a-z]{4,8}:[A-Za-z0-9!%^]{8,20}>>@db[.]internal/app',
  'database-connection-string/PostgreSQLConnection':
    'postgresql://<<[a-z]{4,8}:[A-Za-z0-9!%^]{8,20}>>@db[.]internal/app',
  'gcp/PrivateKeyJSON':
    '\\{"private_key_id": "[a-f0-9]{40}", "private_key": "-----BEGIN PRIVATE KEY-----\\\\n<<[A-Za-z0-9+/]{64}>>\\\\n-----END PRIVATE KEY-----"\\}',
  'github/GITHUB_TOKEN': '(?:gh[pousr]_[A-Za-z0-9_]{36}|github_pat_[A-Za-z0-9_]{82})',
  'linear/LINEAR_API_TOKEN': 'lin_api_[a-zA-Z0-9]{40}',
  'npm/NPM_ACCESS_TOKEN': 'npm_[A-Za-z0-9]{36}',
  'npm/Npmrc_authToken': '//registry[.]example/:_authToken=<<[A-Za-z0-9+/=-]{20,40}>>',
  'npm/PackageJSON_xOauthToken': 'https://<<[a-f0-9]{40}>>:x-oauth-basic@github[.]com/acme/app',
  'openai/OPENAI_TOKEN':
    '(?:sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{74}T3BlbkFJ[A-Za-z0-9_-]{74}|sk-[a-zA-Z0-9]{20}T3BlbkFJ[a-zA-Z0-9]{20})',
  'privatekey/PrivateKey':
    '-----BEGIN (?:RSA |DSA |EC |OPENSSH )?PRIVATE KEY-----\n<<MI[A-Za-z0-9+/]{62}\n[A-Za-z0-9+/]{64}>>\n-----END PRIVATE KEY-----',
  'sendgrid/SENDGRID_KEY': 'SG[.][A-Za-z0-9_]{22}[.][A-Za-z0-9_]{43}',
  'shopify/SHOPIFY_KEY': '(?:shppa|shpca|shpat|shpss)_[a-f0-9]{32}',
  'slack/IncomingWebhook': 'https://hooks[.]slack[.]com/services/T[A-Z0-9]{10}/B[A-Z0-9]{10}/[a-zA-Z0-9]{24}',
  'slack/SLACK_TOKEN': '(?:xoxb|xoxp|xapp|xoxa|xoxo|xoxr)-[0-9]{10,12}-[a-zA-Z0-9]{24,40}',
};

/** Samples of a pattern that is the secret's, or has it in `<<` and `>>`. */
function wholes(pattern: string): Sample[] {
  const [before = '', secret, behind = ''] = pattern.split(/<<|>>/);
  if (secret === undefined)
    return stringsOf(pattern).flatMap((each) => ALONE.map((put) => ({ text: put(each), secret: each })));
  const parts = [before, secret, behind].map((part) => stringsOf(part));
  return Array.from({ length: SAMPLES }, (_, at) => ({
    text: parts.map((part) => part[at] ?? '').join(''),
    secret: parts[1]?.[at] ?? '',
  }));
}

/** Samples of each rule of both rivals, by `rival/rule`; undefined where none can be made of a text. */
export function rivalSamples(): Map<string, Sample[] | undefined> {
  const samples = new Map<string, Sample[] | undefined>();
  for (const [id, { name, secret }] of Object.entries(RIVALS.gitleaks.rules)) {
    const whole = WHOLE[id];
    let made: Sample[] | undefined;
    if (whole !== undefined) made = wholes(whole);
    else if (secret === undefined) made = undefined;
    else if (name === undefined) made = wholes(`(?:${secret})`);
    else {
      const services = stringsOf(name);
      made = stringsOf(secret).flatMap((each, at) =>
        NAMED.map((put) => ({ text: put(services[at] ?? '', each), secret: each })),
      );
    }
    samples.set(`gitleaks/${id}`, made);
  }
  for (const [rule, { messages }] of Object.entries(RIVALS.secretlint.rules))
    for (const message of messages) {
      const pattern = SECRETLINT[`${rule}/${message}`];
      samples.set(`secretlint/${rule}/${message}`, pattern === undefined ? undefined : wholes(pattern));
    }
  return samples;
}
