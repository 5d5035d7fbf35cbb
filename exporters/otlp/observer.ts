import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { answerOf, type Agents, type Attempt } from './attempt.js';

/** Published by Node for every response that an HTTP client begins to receive. */
const RESPONSES = 'http.client.response.finish';

/** What the last request over the agents was answered. */
export interface Observer {
  /** The answer of the last request since the last call; undefined where there was none. */
  take(): Promise<Attempt | undefined>;
  close(): void;
}

/**
 * Looks at the answers to what the SDK's exporters send. They tell their caller neither the status of an
 * answer that may be retried, nor its Retry-After, nor a partial success, but only a process-wide logger.
 */
export function observeAnswers(agents: Agents): Observer {
  let last: Promise<Attempt> | undefined;
  const listen = (message: unknown): void => {
    const { request, response } = message as {
      request: ClientRequest & { agent?: unknown };
      response: IncomingMessage;
    };
    if (request.agent !== agents.plain && request.agent !== agents.secure) return;
    last = answerOf(response);
  };
  subscribe(RESPONSES, listen);
  return {
    take: async () => {
      const taken = last;
      last = undefined;
      return taken;
    },
    close: () => {
      unsubscribe(RESPONSES, listen);
    },
  };
}
