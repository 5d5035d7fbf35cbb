import type { IncomingMessage } from 'node:http';
import { LocalServer, type Reply } from './local-server.js';

/** One request to the REST API. */
export interface RestRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

/** Answers `POST /v1/ingest/scan` and `/v1/ingest/drift` as the API's specification has it (409 for a bundle it has). */
export class RestServer extends LocalServer {
  readonly requests: RestRequest[] = [];
  readonly #digests = new Set<unknown>();

  static start(): Promise<RestServer> {
    return new RestServer().listen();
  }

  protected answer({ url = '', headers: { authorization } }: IncomingMessage, text: string): Reply {
    const body = JSON.parse(text) as Record<string, unknown>;
    this.requests.push({ path: url, authorization, body });
    const [status, answer] = this.#answer(url, body);
    return { status, body: JSON.stringify(answer) };
  }

  #answer(path: string, body: Record<string, unknown>): [number, object] {
    if (path === '/v1/ingest/drift') return [200, { ok: true, driftEventId: 'drift_1', alertRouted: false }];
    if (path !== '/v1/ingest/scan') return [404, { ok: false, error: { code: 'not_found', message: 'no such route' } }];
    if (body['redacted'] !== true)
      return [422, { ok: false, error: { code: 'field_refused', message: 'redacted is not true' } }];
    const deduped = this.#digests.has(body['bundleDigest']);
    this.#digests.add(body['bundleDigest']);
    return [
      deduped ? 409 : 200,
      {
        ok: true,
        scanId: 'scan_1',
        repoId: 'repo_1',
        deduped,
        rollupsUpdated: [],
        warnings: ['source: unknown field'],
      },
    ];
  }
}
