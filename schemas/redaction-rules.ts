/**
 * The one list of secret patterns. The producers and the gateway run it through `redaction.ts`, the collector's
 * configuration is generated from it, so a pattern is added here and nowhere else.
 *
 * Prefixes, alphabets and lengths follow the facts of gitleaks' rule set v8.30.1 (MIT) where it has the kind, with
 * lengths relaxed so that a token cut short, or of a new length, is still taken.
 *
 * A rule is tried only where one of its keywords stands (compared in lower case), and only from there on: nothing
 * is ever searched. So clean text costs one scan for all keywords together, and a pattern costs what it reads.
 * A pattern must mean the same in JavaScript (flag `u`) and in RE2: no look-around, no back-references, no `\s`
 * or `(?i)`, each quantifier bounded at 1000 or less. The whole match is replaced.
 */
import { VOCABULARY } from './redaction-vocabulary.js';

export interface RedactionRule {
  /** Kind of secret; part of the placeholder `[REDACTED:<name>]`. */
  readonly name: string;
  /** Lower-case ASCII strings, one of which every match contains, {@link before} characters after its begin. */
  readonly keywords: readonly string[];
  /** Regular expression source; none where {@link reads} begins at the keyword. */
  readonly pattern?: string;
  /** Number of characters of a match before its keyword; 0 unless given. All are ASCII, and the last is a letter or digit. */
  readonly before?: number;
  /**
   * What must not stand before a match: `word`, a letter or digit (an underscore may: `mcp__sk-...`; and so may what
   * ends an escape, see `hasBoundary`); `argument`, also a character that joins two parts of an argument or path.
   */
  readonly boundary?: 'word' | 'argument';
  /** A failed attempt is not repeated before the run of letters, digits, `_` and `-` that it stood in ends. */
  readonly oncePerRun?: true;
  /** Units of work of an attempt at {@link pattern}, where it reads far before it fails; see `WORK` of `redaction-ahead.ts`. */
  readonly work?: number;
  /** What is no secret although {@link pattern} takes it: tried at the same place. The stock configuration ignores it. */
  readonly except?: string;
  /** What reads on from the end of {@link pattern}, or from the keyword: see `redaction-readers.ts`. */
  readonly reads?: Reads;
  /** Regular expression source for the stock configuration, which has no readers. */
  readonly stock?: string;
}

/** The readers: the first six begin behind a pattern, the others at a keyword; the last two are of personal data. */
export type Reads =
  | 'block'
  | 'token'
  | 'basic'
  | 'flag'
  | 'jwt'
  | 'vendor'
  | 'assignment'
  | 'authorization'
  | 'cookies'
  | 'url'
  | 'userinfo'
  | 'command'
  | 'address'
  | 'login';

const ALPHANUMERIC = '[A-Za-z0-9]';
const WORD = '[A-Za-z0-9_]';
const TOKEN = '[A-Za-z0-9_-]';
const HEX = '[A-Fa-f0-9]';
const BASE64 = '[A-Za-z0-9+/_=-]';
/** White space between a name and its value. */
const GAP = '[ \\t\\r\\n]{0,3}';
/** A quote, perhaps escaped in JSON once or twice. */
const QUOTE = '\\\\{0,3}["\'`]?';
/** Between a name and its value; also URL-encoded. */
const ASSIGN = '(?:=>|:{1,3}=|[?]=|==|[:=]|%3[AaDd])';
/** Where the stock configuration reads a value that follows a name. */
const STOCK_VALUE = `${QUOTE}[^ \\t\\r\\n"'\`<>,;:=\\\\|&\\[$-][^ \\t\\r\\n"'\`<>\\[\\]{},;\\\\]{7,1000}`;

/** Up to 5,000 characters of a class. Nothing that must match follows it, so it is still read once. */
const long = (characters: string): string => `${characters}{0,1000}`.repeat(5);

/** The text in any case, without a flag: the two languages fold letters beyond ASCII differently. */
const anyCase = (text: string): string => text.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);

/** One of `prefixes`, then at least `least` characters of a class. */
function token(
  name: string,
  prefixes: string | readonly string[],
  characters: string,
  least: number,
  most = 255,
): RedactionRule {
  const list = typeof prefixes === 'string' ? [prefixes] : prefixes;
  const pattern = list.map((prefix) => prefix.replace(/[.$]/g, '\\$&')).join('|');
  return {
    name,
    keywords: list.map((prefix) => prefix.toLowerCase()),
    pattern: `${list.length === 1 ? pattern : `(?:${pattern})`}${characters}{${least},${most}}`,
    boundary: 'word',
  };
}

/** Base64 of text of one byte a character, by place in a group of four. */
const TEXT_IN_BASE64 = [
  '[C-Za-f]',
  '[AC-HQS-Xgi-nwyz0-3]',
  '[ABEFIJMNQRUVYZcdghklopstwx014589]',
  BASE64.replace('=', ''),
];

/**
 * Base64 of a token: the characters that the prefix becomes in each of the three positions it may have among groups of three
 * bytes, and twelve more of text in base64, or chance would produce them: a digest has no sign before it.
 */
function inBase64(prefixes: readonly string[]): RedactionRule {
  const forms = prefixes.flatMap((prefix) =>
    [0, 1, 2].map((shift) => {
      const encoded = Buffer.from('\0'.repeat(shift) + prefix, 'latin1').toString('base64');
      const [from, to] = [Math.ceil((shift * 8) / 6), Math.floor(((shift + prefix.length) * 8) / 6)];
      return { form: encoded.slice(from, to), place: to % 4 };
    }),
  );
  const text = (place: number): string =>
    Array.from({ length: 12 }, (_, at) => TEXT_IN_BASE64[(place + at) % 4] ?? '').join('');
  const after = [0, 1, 2, 3].map((place) => {
    const found = forms.filter((each) => each.place === place).map(({ form }) => form.replace(/[+/]/g, '\\$&'));
    return `(?:${found.join('|')})${text(place)}`;
  });
  return {
    name: 'base64-token',
    keywords: forms.map(({ form }) => form.toLowerCase()),
    pattern: `(?:${after.join('|')})${BASE64}{1,1000}`,
  };
}

/** Words of a name under which a value of 8 characters or more is a secret, if it looks like one. */
const SECRET_NAMES = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'pass',
  'pwd',
  'secret',
  'token',
  'api_key',
  'apikey',
  'api-key',
  'api key',
  'access_key',
  'access-key',
  'access key',
  'accesskey',
  'private_key',
  'private-key',
  'privatekey',
  'private key',
  'app_key',
  'appkey',
  'subscription-key',
  'subscription_key',
  'subscriptionkey',
  'functions-key',
  'shared_key',
  'sharedkey',
  'session_key',
  'service_key',
  'servicekey',
  'license_key',
  'psk',
  'signing_key',
  'signing-key',
  'signingkey',
  'encryption_key',
  'encryption-key',
  'encryptionkey',
  'auth_key',
  'authkey',
  'master_key',
  'masterkey',
  'account_key',
  'credential',
  'creds',
  'auth',
];
/** Calls of PHP and Java whose third argument is a password. */
const SQL_CALLS = ['mysqli(', 'mysqli_connect(', 'mysql_connect(', 'mysql_pconnect(', 'new pdo(', 'getconnection('];
/** Those that say enough by themselves for the stock configuration, which cannot look at a value's shape. */
const STOCK_NAMES = SECRET_NAMES.filter((name) => name !== 'pass' && name !== 'auth');

/** Services whose keys have no form of their own; a long value with a digit beside their name is one. */
const VENDORS = [
  'adafruit',
  'adobe',
  'airtable',
  'algolia',
  'alibaba',
  'artifactory',
  'asana',
  'atlassian',
  'beamer',
  'bintray',
  'bitbucket',
  'bittrex',
  'cloudflare',
  'codecov',
  'cohere',
  'coinbase',
  'confluence',
  'confluent',
  'contentful',
  'datadog',
  'discord',
  'droneci',
  'dropbox',
  'etsy',
  'facebook',
  'fastly',
  'finicity',
  'finnhub',
  'flickr',
  'freshbooks',
  'gitter',
  'gocardless',
  'heroku',
  'hubspot',
  'intercom',
  'jfrog',
  'jira',
  'kraken',
  'kucoin',
  'launchdarkly',
  'linkedin',
  'linked_in',
  'linked-in',
  'looker',
  'mailchimp',
  'mailgun',
  'mapbox',
  'mattermost',
  'meraki',
  'messagebird',
  'message_bird',
  'message-bird',
  'netlify',
  'newrelic',
  'new_relic',
  'new-relic',
  'nytimes',
  'newyorktimes',
  'okta',
  'plaid',
  'privateai',
  'private_ai',
  'private-ai',
  'rapidapi',
  'sendbird',
  'sentry',
  'snyk',
  'sonar',
  'squarespace',
  'sumo_',
  'sumologic',
  'telegr',
  'travis',
  'twitch',
  'twitter',
  'yandex',
  'zendesk',
];

export const REDACTION_RULES: readonly RedactionRule[] = [
  // Models and agents.
  token('anthropic-key', 'sk-ant-', TOKEN, 12, 300),
  // https://langfuse.com/docs/observability/get-started
  token('langfuse-key', ['sk-lf-', 'pk-lf-'], TOKEN, 20),
  // Words of small letters are a name (`sk-spinner-three-bounce`), and so is a type of SSH key that lives in hardware.
  {
    ...token('openai-key', 'sk-', TOKEN, 12, 300),
    except: 'sk-(?:(?:ecdsa-sha2-nistp256|ssh-ed25519)|[a-z]{0,30}(?:-[a-z]{0,30}){0,8}(?:[^A-Za-z0-9_-]|$))',
  },
  // https://docs.x.ai/docs/tutorial
  token('xai-key', 'xai-', TOKEN, 20),
  token('google-key', 'AIza', TOKEN, 20),
  // The form of keys since 2026: https://ai.google.dev/gemini-api/docs/api-key
  token('gemini-key', 'AQ.', TOKEN, 30),
  // https://docs.langchain.com/langsmith/create-account-api-key: of a person and of a service.
  token('langsmith-key', ['lsv2_pt_', 'lsv2_sk_'], WORD, 30),
  // https://docs.tavily.com/documentation/quickstart
  token('tavily-key', ['tvly-dev-', 'tvly-prod-', 'tvly-'], TOKEN, 20),
  // https://docs.firecrawl.dev/introduction
  token('firecrawl-key', 'fc-', '[a-f0-9]', 32, 32),
  // The forms in which the vendors' documents show a key: docs.together.ai, inference-docs.cerebras.ai, jina.ai/reader,
  // e2b.dev/docs, docs.apify.com.
  token('together-key', 'tgp_v1_', TOKEN, 30),
  token('cerebras-key', 'csk-', ALPHANUMERIC, 40),
  token('jina-key', 'jina_', TOKEN, 40),
  token('e2b-key', 'e2b_', '[a-f0-9]', 40, 40),
  token('apify-token', 'apify_api_', ALPHANUMERIC, 30),
  token('google-oauth', ['GOCSPX-', 'ya29.'], TOKEN, 20, 1000),
  // https://docs.pinecone.io, https://build.nvidia.com, https://elevenlabs.io/docs: the forms in which the vendors show a key.
  token('pinecone-key', 'pcsk_', WORD, 30),
  token('nvidia-key', 'nvapi-', TOKEN, 40),
  token('elevenlabs-key', 'sk_', '[a-f0-9]', 48, 48),
  token('huggingface-token', ['hf_', 'api_org_'], ALPHANUMERIC, 20),
  token('perplexity-key', 'pplx-', ALPHANUMERIC, 20),
  // https://console.groq.com/docs/quickstart
  token('groq-key', 'gsk_', ALPHANUMERIC, 20),
  // https://replicate.com/docs/topics/security/api-tokens: 40 characters in all.
  token('replicate-token', 'r8_', ALPHANUMERIC, 30),
  token('shieldwatch-token', 'eccp_', ALPHANUMERIC, 20),
  // Source and packages.
  token('github-token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], WORD, 12),
  token('github-pat', 'github_pat_', WORD, 20),
  token(
    'gitlab-token',
    ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-', 'glft-', 'glffct-', 'glimt-', 'glagent-', 'gloas-', 'glsoat-'],
    '[A-Za-z0-9_.-]',
    12,
    350,
  ),
  token('gitlab-runner-token', 'GR1348941', TOKEN, 12),
  token('gitlab-session', '_gitlab_session=', ALPHANUMERIC, 16),
  token('npm-token', 'npm_', ALPHANUMERIC, 20),
  token('pypi-token', 'pypi-', TOKEN, 40, 1000),
  token('rubygems-token', 'rubygems_', HEX, 20),
  token('crates-token', 'cio', ALPHANUMERIC, 32, 32),
  token('nuget-key', 'oy2', '[a-z0-9]', 43, 43),
  token('clojars-token', 'CLOJARS_', ALPHANUMERIC, 30),
  token('docker-token', 'dckr_pat_', TOKEN, 20),
  token('artifactory-key', 'AKCp', ALPHANUMERIC, 50),
  token('artifactory-token', 'cmVmd', ALPHANUMERIC, 55),
  token('sourcegraph-token', ['sgp_local_', 'sgp_'], '[A-Fa-f0-9_]', 30),
  token('buildkite-token', ['bkua_', 'bkpt_'], HEX, 30),
  token('circleci-token', 'CCIPAT_', WORD, 30),
  // Clouds.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; `A3T` as in git-secrets.
  token('aws-access-key', ['AKIA', 'ASIA', 'ABIA', 'ACCA', 'AROA', 'AIDA'], '[0-9A-Z]', 16, 16),
  token('aws-old-access-key', 'A3T', '[0-9A-Z]', 17, 17),
  token('aws-bedrock-key', ['ABSK', 'bedrock-api-key-'], BASE64, 60, 1000),
  {
    name: 'azure-secret',
    keywords: ['q~'],
    before: 4,
    boundary: 'word',
    pattern: '[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}',
  },
  {
    name: 'azure-storage-key',
    keywords: ['accountkey=', 'sharedaccesskey='],
    pattern: '(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{20,200}={0,2}',
  },
  { name: 'azure-sas', keywords: ['sig='], boundary: 'word', pattern: 'sig=[A-Za-z0-9%+/_-]{30,200}={0,2}' },
  token('alibaba-key', 'LTAI', ALPHANUMERIC, 16, 30),
  token('digitalocean-token', ['dop_v1_', 'doo_v1_', 'dor_v1_'], HEX, 32),
  token('cloudflare-key', 'v1.0-', '[a-f0-9-]', 60),
  // https://developers.cloudflare.com/fundamentals/api/get-started/token-formats
  token('cloudflare-token', ['cfk_', 'cfut_', 'cfat_'], ALPHANUMERIC, 40),
  token('heroku-key', 'HRKU-', TOKEN, 30),
  // Of a person, an integration, an app (access, refresh), the AI gateway: 56 characters behind them; as betterleaks has them.
  token('vercel-token', ['vcp_', 'vci_', 'vca_', 'vcr_', 'vck_'], TOKEN, 40, 100),
  // Of the blob store: https://vercel.com/docs/vercel-blob
  token('vercel-blob-token', ['vercel_blob_rw_', 'vercel_'], WORD, 20),
  token('netlify-token', 'nfp_', ALPHANUMERIC, 30),
  token('flyio-token', ['fo1_', 'fm1a_', 'fm1r_', 'fm2_'], BASE64, 40, 1000),
  // https://supabase.com/docs/guides/api/api-keys, and the management API's personal tokens.
  token('supabase-key', ['sbp_', 'sb_secret_'], WORD, 20),
  // https://render.com/docs/api: the dashboard shows a key so; 32 characters in public rule sets.
  token('render-key', 'rnd_', ALPHANUMERIC, 24),
  // https://neon.com/docs/manage/api-keys
  token('neon-key', 'napi_', ALPHANUMERIC, 40),
  token('scalingo-token', 'tk-us-', TOKEN, 40),
  token('yandex-key', 'AQVN', TOKEN, 35),
  // An IAM token: https://yandex.cloud/en/docs/iam/concepts/authorization/iam-token gives the expression.
  {
    name: 'yandex-token',
    keywords: ['t1.'],
    boundary: 'word',
    pattern: 't1\\.[A-Za-z0-9_-]{1,500}={0,2}\\.[A-Za-z0-9_-]{80,100}={0,2}',
  },
  // Personal access tokens since 2024, and keys of Azure's AI services: fixed signatures at fixed places (Microsoft's published patterns).
  {
    name: 'azure-devops-token',
    keywords: ['azdo'],
    before: 76,
    boundary: 'word',
    pattern: '[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}',
  },
  {
    name: 'azure-service-key',
    keywords: ['jqqj99'],
    before: 52,
    boundary: 'word',
    pattern: '[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}',
  },
  token('openshift-token', 'sha256~', TOKEN, 40),
  token('databricks-token', 'dapi', '[a-f0-9]', 32, 40),
  token('pulumi-token', 'pul-', '[a-f0-9]', 32),
  {
    name: 'terraform-token',
    keywords: ['.atlasv1.'],
    before: 14,
    pattern: '[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{40,80}',
  },
  token('vault-token', ['hvs.', 'hvb.', 'hvr.'], TOKEN, 20, 400),
  token('doppler-token', ['dp.pt.', 'dp.st.', 'dp.ct.', 'dp.sa.', 'dp.scim.', 'dp.audit.'], '[A-Za-z0-9._]', 30),
  token('infracost-key', 'ico-', ALPHANUMERIC, 32, 32),
  token('prefect-token', ['pnu_', 'pnb_'], ALPHANUMERIC, 30),
  token('harness-token', ['pat.', 'sat.'], '[A-Za-z0-9_-]{22}\\.[A-Za-z0-9]{24}\\.[A-Za-z0-9]', 20, 20),
  token('age-key', 'AGE-SECRET-KEY-1', '[A-Z0-9]', 30, 60),
  // The identity of a hybrid, post-quantum key, as `age-keygen -pq` writes it: https://github.com/FiloSottile/age.
  token('age-pq-key', 'AGE-SECRET-KEY-PQ-1', '[A-Z0-9]', 30, 1000),
  // Algorithm `Ed`, key derivation `Sc`, checksum `B2`, in base64: https://jedisct1.github.io/minisign/.
  { name: 'minisign-key', keywords: ['rwrty0iy'], boundary: 'word', pattern: 'RWRTY0Iy[A-Za-z0-9+/]{100,300}={0,2}' },
  token('onepassword-key', 'A3-', '[A-Z0-9]{6}-[A-Z0-9-]', 20, 40),
  token('onepassword-token', 'ops_eyJ', BASE64, 40, 1000),
  // Stores and observability.
  token('planetscale-token', ['pscale_tkn_', 'pscale_oauth_', 'pscale_pw_'], '[A-Za-z0-9_.=-]', 20),
  token('clickhouse-key', '4b1d', ALPHANUMERIC, 38, 38),
  token('grafana-token', ['glc_', 'glsa_', 'eyJrIjoi'], BASE64, 30, 500),
  token('sentry-token', ['sntrys_', 'sntryu_'], BASE64, 20, 500),
  token('newrelic-key', ['NRAK-', 'NRII-', 'NRJS-', 'NRAL-'], TOKEN, 19),
  token('dynatrace-token', ['dt0c01.', 'dt0s16.'], '[A-Za-z0-9.]', 24),
  // https://docs.honeycomb.io/api/authentication: a letter that varies, ingest (also of the classic kind) or management; a management
  // key is its id, a colon and its secret.
  token(
    'honeycomb-key',
    ['hcaik_', 'hcbik_', 'hcxik_', 'hcaic_', 'hcbic_', 'hcxic_', 'hcamk_', 'hcbmk_', 'hcxmk_'],
    '[A-Za-z0-9:]',
    30,
  ),
  // https://posthog.com/docs/api: of a person, a project, a feature flag, OAuth.
  token('posthog-key', ['phx_', 'phc_', 'phs_', 'pha_', 'phr_'], WORD, 30),
  token('maxmind-key', 'mmk_', ALPHANUMERIC, 24),
  {
    name: 'maxmind-license',
    keywords: ['_mmk'],
    before: 36,
    boundary: 'word',
    pattern: '[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk',
  },
  // https://www.elastic.co/docs/deploy-manage/api-keys/elastic-cloud-api-keys; an index's own keys have no form, and are found in their header.
  token('elastic-key', 'essu_', BASE64, 30, 400),
  // Work and messages.
  token('linear-key', ['lin_api_', 'lin_oauth_'], ALPHANUMERIC, 20),
  token('notion-token', ['ntn_', 'secret_'], ALPHANUMERIC, 30),
  token('atlassian-token', ['ATATT3', 'ATCTT3', 'ATBB'], '[A-Za-z0-9_=-]', 24, 400),
  token('airtable-token', 'pat', '[A-Za-z0-9]{14}\\.[a-f0-9]', 64, 64),
  token('figma-token', ['figd_', 'figo_'], TOKEN, 30),
  token('postman-key', 'PMAK-', '[A-Fa-f0-9-]', 30),
  token('readme-key', 'rdme_', ALPHANUMERIC, 40),
  token('typeform-token', 'tfp_', '[A-Za-z0-9_.=-]', 30),
  token(
    'slack-token',
    ['xoxa-', 'xoxb-', 'xoxc-', 'xoxd-', 'xoxe-', 'xoxp-', 'xoxr-', 'xoxs-', 'xoxo-', 'xoxe.', 'xapp-'],
    '[A-Za-z0-9.%+/_-]',
    8,
    400,
  ),
  {
    name: 'slack-webhook',
    keywords: ['hooks.slack.com'],
    pattern: 'hooks\\.slack\\.com/(?:services|workflows|triggers)/[A-Za-z0-9/+_-]{20,255}',
  },
  // https://discord.com/developers/docs/resources/webhook#execute-webhook
  {
    name: 'discord-webhook',
    keywords: ['/api/webhooks/'],
    pattern: '/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{40,100}',
  },
  // https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook, and its address before 2021;
  // a workflow's address has a signature (azure-sas).
  {
    name: 'teams-webhook',
    keywords: ['.webhook.office.com/', 'outlook.office.com/webhook/'],
    pattern: '(?:\\.webhook\\.office\\.com/webhookb2|outlook\\.office\\.com/webhook)/[A-Za-z0-9@/-]{60,400}',
  },
  // The last digits of the bot's number, which is no secret: it has 8 to 10. https://core.telegram.org/bots/api#authorizing-your-bot
  { name: 'telegram-token', keywords: [':aa'], before: 7, pattern: '[0-9]{7}:AA[A-Za-z0-9_-]{32,35}' },
  token('sendgrid-key', 'SG.', '[A-Za-z0-9_=.-]', 40, 100),
  token('sendinblue-key', 'xkeysib-', '[A-Za-z0-9-]', 40),
  token('mailgun-key', ['key-', 'pubkey-'], '[a-f0-9]', 32, 32),
  { name: 'mailchimp-key', keywords: ['-us'], before: 32, boundary: 'word', pattern: '[a-f0-9]{32}-us[0-9]{1,2}' },
  token('twilio-key', 'SK', HEX, 32, 32),
  // Money and shops.
  token(
    'stripe-key',
    ['sk_live_', 'sk_test_', 'pk_live_', 'pk_test_', 'rk_live_', 'rk_test_', 'sk_prod_', 'rk_prod_'],
    ALPHANUMERIC,
    10,
  ),
  token('stripe-webhook-secret', 'whsec_', BASE64, 20),
  token('square-token', ['sq0atp-', 'sq0csp-', 'EAAAE'], TOKEN, 22, 100),
  token('shopify-token', ['shpat_', 'shpca_', 'shppa_', 'shpss_'], HEX, 20),
  token('paypal-braintree-token', 'access_token$production$', '[A-Za-z0-9$]', 30),
  token('plaid-token', ['access-sandbox-', 'access-development-', 'access-production-'], '[a-f0-9-]', 30),
  token('duffel-token', ['duffel_test_', 'duffel_live_'], '[A-Za-z0-9_=-]', 30),
  token('easypost-key', ['EZAK', 'EZTK'], ALPHANUMERIC, 40),
  token('flutterwave-key', ['FLWSECK_TEST-', 'FLWPUBK_TEST-', 'FLWSECK-', 'FLWPUBK-'], TOKEN, 12),
  token('frameio-token', 'fio-u-', '[A-Za-z0-9_=-]', 40),
  token('shippo-token', ['shippo_live_', 'shippo_test_'], HEX, 30),
  token('facebook-token', ['EAAM', 'EAAC', 'EAAB', 'EAAG'], ALPHANUMERIC, 80, 1000),
  token('lob-key', ['live_', 'test_'], '[a-f0-9]', 35, 35),
  token('lob-public-key', ['live_pub_', 'test_pub_'], '[a-f0-9]', 31, 31),
  token('intra42-secret', ['s-s4t2ud-', 's-s4t2af-'], '[a-f0-9]', 64, 64),
  // A UUID behind the kind of key: https://launchdarkly.com/docs/home/account/api and .../sdk/concepts/client-side-server-side.
  token(
    'launchdarkly-key',
    ['sdk-', 'mob-', 'api-'],
    '[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]',
    12,
    12,
  ),
  token('mapbox-token', ['pk.', 'sk.', 'tk.'], '[A-Za-z0-9]{60,300}\\.[A-Za-z0-9_-]', 22, 22),
  {
    name: 'authress-key',
    keywords: ['sc_', 'ext_', 'scauth_', 'authress_'],
    boundary: 'word',
    pattern:
      '(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\\.[A-Za-z0-9]{4,6}\\.acc[_-][A-Za-z0-9-]{10,32}\\.[A-Za-z0-9+/_=-]{30,120}',
  },
  token('settlemint-token', ['sm_aat_', 'sm_pat_', 'sm_sat_'], ALPHANUMERIC, 16),
  token('octopus-key', 'API-', '[A-Z0-9]', 26, 26),
  token('adobe-secret', 'p8e-', ALPHANUMERIC, 30),
  token('contentful-token', 'CFPAT-', TOKEN, 30),
  // https://docs.defined.net/guides/automating-host-creation
  token('dnkey-token', 'dnkey-', '[A-Za-z0-9_=-]', 50),
  // https://ngrok.com/docs/api: keys (`ak_`, or two parts), credentials of agents, access tokens. The number in front is of the time (KSUID).
  token('ngrok-token', ['ak_2', 'ak_3', 'cr_2', 'cr_3'], ALPHANUMERIC, 26, 60),
  token('ngrok-access-token', 'ngrok_pat_', WORD, 20),
  // https://resend.com/docs/dashboard/api-keys
  token('resend-key', 're_', '[A-Za-z0-9]{8}_[A-Za-z0-9]', 20, 40),
  // https://tailscale.com/kb/1277/key-prefixes; of WireGuard wg(8), a line of its configuration.
  token('tailscale-key', 'tskey-', TOKEN, 20),
  token('wireguard-key', 'PrivateKey = ', '[A-Za-z0-9+/]', 42, 44),
  // Any service.
  {
    name: 'jwt',
    keywords: ['eyj'],
    boundary: 'word',
    oncePerRun: true,
    // A JSON object, which begins with {" in base64, and what is behind its dot: the payload, or the signature where the header is gone.
    pattern: 'eyJ[A-Za-z0-9_-]{8}',
    reads: 'jwt',
    stock: `eyJ[A-Za-z0-9_-]{8,1000}\\.(?:eyJ|[A-Za-z0-9_-]{16})${long('[A-Za-z0-9_.-]')}`,
  },
  {
    name: 'private-key',
    keywords: ['-----begin', '---- begin'],
    pattern: '-----?[ ]?BEGIN[ +][A-Z0-9 +]{0,40}PRIVATE[ +]KEY(?:[ +]BLOCK)?[ ]?----',
    reads: 'block',
    stock:
      '-----?[ ]?BEGIN[ +][A-Z0-9 +]{0,40}PRIVATE[ +]KEY(?:[ +]BLOCK)?[ ]?----(?:.|[\\r\\n])*?(?:-----? ?END[A-Z0-9 +]{0,60}----|$)',
  },
  {
    name: 'putty-key',
    keywords: ['private-lines:'],
    pattern: `Private-Lines: [0-9]{1,4}${long('[A-Za-z0-9+/= \\t\\r\\n\\\\]')}`,
  },
  // The scheme stays, which says what kind of server it was.
  {
    name: 'url-password',
    keywords: ['://'],
    reads: 'url',
    stock:
      '(?:://|%3[Aa]%2[Ff]%2[Ff])[^ \\t\\r\\n:/@"\'`<>\\[\\]]{0,100}(?::|%3[Aa])[^ \\t\\r\\n/"\'`<>]{1,200}(?:@|%40)',
  },
  {
    name: 'userinfo',
    keywords: ['@'],
    reads: 'userinfo',
    stock:
      '[A-Za-z0-9._+-]{1,64}:[^ \\t\\r\\n:/@"\'`<>(){},;|&]{0,64}[0-9][^ \\t\\r\\n:/@"\'`<>(){},;|&]{5,64}@[A-Za-z0-9][A-Za-z0-9.-]{1,250}\\.[A-Za-z]{2,24}',
  },
  {
    name: 'bearer-token',
    keywords: ['bearer ', 'bearer%20', 'bearer+'],
    boundary: 'word',
    // A number and a bar stand before a token of Laravel Sanctum.
    pattern: `${anyCase('bearer')}(?:[ +]|%20)(?:[0-9]{1,16}(?:\\||%7[Cc]))?[A-Za-z0-9._~+/=-]{12,1000}`,
    // `bearer authentication.`, `Bearer access_token`
    except: `${anyCase('bearer')}[ +](?:[A-Za-z]{1,30}|[a-z]{1,15}(?:[_-][a-z]{1,15}){1,3})[.]?(?:[^A-Za-z0-9._~+/=-]|$)`,
  },
  {
    name: 'basic-auth',
    keywords: ['basic ', 'basic+'],
    boundary: 'word',
    pattern: `${anyCase('basic')}[ +]{1,3}[A-Za-z0-9+/_-]{8}`,
    reads: 'basic',
    stock: `${anyCase('basic')} [A-Za-z0-9+/]{12,1000}={1,2}`,
  },
  {
    name: 'basic-auth-flag',
    keywords: ['-u ', '-u=', '-u+', '--user ', '--user=', '--user+'],
    boundary: 'argument',
    pattern: '(?:-u|--user)[ =+]',
    reads: 'flag',
    stock:
      '(?:-u|--user)[ =]["\']?[^ \\t\\r\\n:"\'`]{1,100}:[^ \\t\\r\\n"\'`)]{0,100}[A-Z0-9][^ \\t\\r\\n"\'`)]{5,200}',
  },
  {
    name: 'authorization',
    keywords: ['authorization'],
    reads: 'authorization',
    stock: `${anyCase('authorization')}${QUOTE}${GAP}[:=]${GAP}${QUOTE}[A-Za-z0-9-]{2,24} [A-Za-z0-9._~+/=-]{12,1000}`,
  },
  {
    name: 'cookie',
    keywords: ['cookie'],
    reads: 'cookies',
    stock: `${anyCase('cookie')}${QUOTE}${GAP}:${GAP}${QUOTE}[^\\r\\n"]{0,300}?[A-Za-z0-9_.-]{1,60}=[A-Za-z0-9._~+/=%-]{12,1000}`,
  },
  {
    name: 'netrc-password',
    keywords: ['login', 'machine'],
    boundary: 'word',
    pattern: '(?:[Ll]ogin|machine)[ \\t\\r\\n]{1,8}[^ \\t\\r\\n]{1,100}[ \\t\\r\\n]{1,8}password[ \\t\\r\\n]{1,8}',
    reads: 'token',
    stock:
      '(?:[Ll]ogin|machine)[ \\t\\r\\n]{1,8}[^ \\t\\r\\n]{1,100}[ \\t\\r\\n]{1,8}password[ \\t\\r\\n]{1,8}[A-Za-z0-9!-~]{8,200}',
  },
  // A key, or an OAuth code, in a query; the signature of a signed address of AWS, Google, CloudFront.
  {
    name: 'query-key',
    keywords: ['?key=', '&key=', '?code=', '&code='],
    pattern: '[?&](?:key|code)=',
    reads: 'vendor',
    stock: '[?&](?:key|code)=[A-Za-z0-9_.~-]{14,200}',
  },
  {
    name: 'url-signature',
    keywords: ['signature='],
    pattern: `${anyCase('signature')}=[A-Za-z0-9%~_+/-]{40,1000}={0,2}`,
  },
  // https://www.postgresql.org/docs/current/libpq-pgpass.html: host, port, database, user, password.
  {
    name: 'pgpass-password',
    keywords: [':5432:'],
    pattern: ':5432:[^: \\t\\r\\n]{1,63}:[^: \\t\\r\\n]{1,63}:',
    reads: 'token',
    stock: ':5432:[^: \\t\\r\\n]{1,63}:[^: \\t\\r\\n]{1,63}:[^ \\t\\r\\n]{8,200}',
  },
  // RFC 4616: user and password in base64.
  {
    name: 'smtp-auth',
    keywords: ['auth plain ', 'auth login ', 'authenticate plain '],
    boundary: 'word',
    pattern: '(?:AUTH|AUTHENTICATE) (?:PLAIN|LOGIN) [A-Za-z0-9+/]{8,500}={0,2}',
  },
  {
    name: 'oracle-password',
    keywords: ['jdbc:oracle:', 'sqlplus '],
    boundary: 'word',
    pattern: `(?:jdbc:oracle:(?:thin|oci8?):|sqlplus (?:-[A-Za-z]{1,8} ){0,4}${QUOTE})[A-Za-z][A-Za-z0-9_$#]{0,60}/[^@/ \\t\\r\\n"'\`$]{4,100}@`,
  },
  {
    name: 'redis-password',
    keywords: ['requirepass ', 'masterauth ', 'auth '],
    boundary: 'word',
    pattern: '(?:requirepass|masterauth|AUTH(?: [a-z]{2,20})?) {1,4}',
    reads: 'token',
    stock: '(?:requirepass|masterauth) {1,4}[^ \\t\\r\\n]{8,200}',
  },
  // Of SQL; and the third argument of a call that connects to a database, in quotes.
  {
    name: 'sql-password',
    keywords: ['identified ', ...SQL_CALLS],
    boundary: 'word',
    work: 32,
    pattern: `(?:${SQL_CALLS.map((call) => anyCase(call).replace('(', '\\(')).join('|')})[ \\t\\r\\n]{0,3}[^,\\r\\n]{1,200},[ \\t\\r\\n]{0,3}[^,\\r\\n]{1,100},[ \\t\\r\\n]{0,3}|${anyCase('identified')} (?:${anyCase('with')} [A-Za-z0-9_'"\`]{1,40} )?(?:${anyCase('by')}|${anyCase('as')}) (?:${anyCase('password')} )?`,
    reads: 'token',
    stock: `${anyCase('identified by')} ["']?[^ \\t\\r\\n"']{8,200}`,
  },
  {
    name: 'secure-string',
    keywords: ['convertto-securestring '],
    pattern: `${anyCase('convertto-securestring')} (?:-${anyCase('string')} )?`,
    reads: 'token',
    stock: `${anyCase('convertto-securestring')} (?:-${anyCase('string')} )?["']?[^ \\t\\r\\n"']{8,200}`,
  },
  {
    name: 'htpasswd-password',
    keywords: ['htpasswd -'],
    boundary: 'word',
    pattern:
      'htpasswd -(?:[A-Za-z]{0,4}(?:nb|bn)[A-Za-z]{0,4} [^ \\t\\r\\n]{1,60} |[A-Za-z]{0,4}b[A-Za-z]{0,4} [^ \\t\\r\\n]{1,100} [^ \\t\\r\\n]{1,60} )',
    reads: 'token',
    stock: 'htpasswd -[A-Za-z]{0,4}b[A-Za-z]{0,4} (?:[^ \\t\\r\\n]{1,100} )?[^ \\t\\r\\n]{1,60} [^ \\t\\r\\n]{8,200}',
  },
  // What is piped into a program that reads a password.
  {
    name: 'piped-password',
    keywords: ['echo ', 'printf '],
    boundary: 'word',
    pattern: `(?:echo|printf)(?: -[neE]{1,3}| ["']?%s(?:\\\\n)?["']?){0,2} {1,3}["']?[^ \\t\\r\\n"'|$\`<>[(-][^ \\t\\r\\n"'|$\`]{5,200}["']? {0,3}\\| {0,3}(?:sudo (?:-[A-Za-z]{1,4} ){0,3}-[A-Za-z]{0,3}S|(?:sudo )?(?:chpasswd|passwd --stdin)|[^|\\r\\n]{1,200}--(?:password|pass|token)-?(?:stdin|file -))`,
  },
  // https://bundler.io/man/bundle-config.1.html: user and password for a host, in which dots are two underscores.
  {
    name: 'bundler-credential',
    keywords: ['bundle_'],
    boundary: 'word',
    pattern: `BUNDLE_[A-Z0-9_]{2,60}__[A-Z0-9]{2,12}${QUOTE}${GAP}[:=]${GAP}${QUOTE}[A-Za-z0-9_.@-]{1,80}:[A-Za-z0-9_.~+/=-]{8,200}`,
  },
  {
    name: 'command-secret',
    keywords: Object.keys(VOCABULARY.commands),
    boundary: 'word',
    reads: 'command',
    stock: `(?:${['curl -u ?', 'mysql[a-z]{0,8} .{0,200}-p', 'sshpass -p ?', 'docker login .{0,200}-p ', 'redis-cli .{0,200}-a '].join('|')})["']?[^ \\t\\r\\n"'-]{6,200}`,
  },
  inBase64([
    'sk-ant-',
    'sk-proj-',
    'ghp_',
    'ghs_',
    'github_pat_',
    'glpat-',
    'npm_',
    'xoxb-',
    'xoxp-',
    'AKIA',
    'ASIA',
    'AIza',
    'eccp_',
    'sk_live_',
    'rk_live_',
    'lin_api_',
    'dckr_pat_',
    'pypi-',
    'shpat_',
    'dop_v1_',
    'glsa_',
    // A certificate begins as a key does.
    ...['', 'RSA ', 'EC ', 'DSA ', 'OPENSSH ', 'ENCRYPTED ', 'PGP '].map((kind) => `-----BEGIN ${kind}PRIVATE KEY`),
  ]),
  {
    name: 'assigned-secret',
    keywords: SECRET_NAMES,
    reads: 'assignment',
    stock: `(?:(?:${STOCK_NAMES.map(anyCase).join('|')}|_PASS|_pass|_AUTH|_auth|"auth)[A-Za-z0-9_-]{0,40}${QUOTE}(?:${GAP}${ASSIGN}|\\])|(?:--|set )[a-z_-]{0,40}(?:${STOCK_NAMES.join('|')})[a-z_-]{0,40}(?:[ =]|",))${GAP}${STOCK_VALUE}`,
  },
  {
    name: 'vendor-credential',
    keywords: VENDORS,
    pattern: `(?:${VENDORS.map(anyCase).join('|')})[A-Za-z0-9_. \\t-]{0,25}${QUOTE}${GAP}${ASSIGN}${GAP}`,
    reads: 'vendor',
    stock: `(?:${VENDORS.map(anyCase).join('|')})[A-Za-z0-9_. \\t-]{0,25}${QUOTE}${GAP}${ASSIGN}${GAP}${QUOTE}[A-Za-z]{0,19}[0-9][A-Za-z0-9_=-]{19,200}`,
    // The checksum of a Go module: `github.com/ktrysmt/go-bitbucket v0.6.4 h1:...=`
    except: '[A-Za-z0-9_./-]{1,60} v[A-Za-z0-9_.+/-]{1,60} h1:',
  },
];
