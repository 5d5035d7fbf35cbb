import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { answerOf, type Agents, type Attempt } from './attempt.js';

/** Node publishes it for every response that an HTTP client starts to receive. */
const RESPONSES = 'http.client.response.finish';

/** What the last request over the agents was answered. */
export interface Observer {
  /** Returns the response of the last request since the previous call; undefined if there was none. */
  take(): Promise<Attempt | undefined>;
  close(): void;
}

/**
 * Observes the responses to the SDK's exporters. They report neither the status of a retryable response, nor its
 * Retry-After, nor a partial success to their caller, but only to a process-wide logger.
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
