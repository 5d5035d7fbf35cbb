import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { packageRoot } from '#schemas/root.js';
import { openApiDocument } from './document.js';
import { DOCS_POLICY, docsPage } from './page.js';

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };

/**
 * Adds `GET /openapi.json` and `GET /docs`, which are public. Both cover every route that is registered when they are
 * first requested.
 */
export function docsRoutes(app: FastifyInstance): void {
  let made: { json: string; page: string } | undefined;
  const make = (): { json: string; page: string } => {
    const document = openApiDocument(app.apiRoutes, version);
    return { json: JSON.stringify(document), page: docsPage(document) };
  };
  app.get('/openapi.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send((made ??= make()).json),
  );
  app.get('/docs', (_request, reply) =>
    reply
      .header('content-security-policy', DOCS_POLICY)
      .type('text/html; charset=utf-8')
      .send((made ??= make()).page),
  );
}
