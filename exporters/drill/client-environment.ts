import { redactText } from '#schemas/redaction.js';

/** Variables of providers, of telemetry, and of an agent that started this command. */
const NOT_OURS =
  /^(?:ANTHROPIC_|OPENAI_|AZURE_|AWS_|GOOGLE_|GCLOUD_|GCP_|CLOUDSDK_|CLOUD_ML_|VERTEX|GEMINI_(?:API|TELEMETRY|SESSION|CWD|PROJECT|CLI$)|CODEX_(?:API|SANDBOX|THREAD|CI)|OTEL_|TRACEPARENT$|TRACESTATE$|CLAUDECODE$|CLAUDE_PID$|AI_AGENT$|CLAUDE_(?:PROJECT_DIR|EFFORT|ENV_FILE)$|CLAUDE_CODE_(?:USE_|SKIP_|ENABLE_TELEMETRY|SESSION|CHILD|ENTRYPOINT|MESSAGING|OAUTH)|(?:HTTPS?|ALL|NO|FTP)_PROXY$|SHIELDWATCH_(?:URL|AGENT_PORT|RUNTIME_LOGS)$)/i;

/** Names under which secrets stand. `PATH` ends like `PAT`. */
const SECRET =
  /KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|AUTH|COOKIE|BEARER|SIGNATURE|_PAT$|^PAT$|_PWD$|CONNECTION_STRING|_DSN$/i;

/**
 * Returns the environment for a client in a drill: the person's, because it decides whether hooks run, without what
 * holds or may hold a credential, reaches a network, or belongs to another agent's session.
 *
 * @param proxy address that refuses to be a proxy, for everything but loopback.
 */
export function clientEnvironment(env: NodeJS.ProcessEnv, proxy: string): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !NOT_OURS.test(entry[0]) &&
      !SECRET.test(entry[0]) &&
      redactText(`${entry[0]}=${entry[1]}`) === `${entry[0]}=${entry[1]}` &&
      redactText(entry[1]) === entry[1],
  );
  const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(proxies.map((name) => [name, proxy])),
    NO_PROXY: LOOPBACK,
    no_proxy: LOOPBACK,
  };
}

export const LOOPBACK = '127.0.0.1,localhost,::1';
