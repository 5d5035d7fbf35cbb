import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request to the REST API. */
export interface RestRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

/** Answers `POST /v1/ingest/scan` and `/v1/ingest/drift` as the API's specification has it (409 for a bundle it has). */
export class RestServer {
  readonly requests: RestRequest[] = [];
  url = '';
  readonly #server: Server;
  readonly #digests = new Set<unknown>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
        this.requests.push({ path: request.url ?? '', authorization: request.headers.authorization, body });
        const [status, answer] = this.#answer(request.url ?? '', body);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      });
    });
  }

  static async start(): Promise<RestServer> {
    const server = new RestServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${String((server.#server.address() as AddressInfo).port)}`;
    return server;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(path: string, body: Record<string, unknown>): [number, object] {
    if (path === '/v1/ingest/drift') return [200, { ok: true, driftEventId: 'drift_1', alertRouted: false }];
    if (path !== '/v1/ingest/scan') return [404, { ok: false, error: { code: 'not_found', message: 'no such route' } }];
    if (body['redacted'] !== true) return [422, { ok: false, error: { code: 'field_refused', message: 'redacted is not true' } }];
    const deduped = this.#digests.has(body['bundleDigest']);
    this.#digests.add(body['bundleDigest']);
    return [deduped ? 409 : 200, { ok: true, scanId: 'scan_1', repoId: 'repo_1', deduped, rollupsUpdated: [], warnings: ['source: unknown field'] }];
  }
}
