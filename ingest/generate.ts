import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { createGateway } from './app.js';
import { openApiDocument, type OpenApiDocument } from './openapi/document.js';

/** Generates the OpenAPI document of all routes and the client types. */
export async function generateApi(): Promise<{ document: string; types: string }> {
  const document = await documentOfAllRoutes();
  const types = await openapiTS(JSON.parse(JSON.stringify(document)) as Parameters<typeof openapiTS>[0]);
  return { document: `${JSON.stringify(document, null, 2)}\n`, types: COMMENT_HEADER + astToString(types) };
}

/** Folder of the committed generated files. */
export const GENERATED = join(packageRoot(), 'ingest/openapi/generated');

/** Builds the document without stores: routes need them to answer, not to be listed. */
async function documentOfAllRoutes(): Promise<OpenApiDocument> {
  const refuse = (): Promise<never> => Promise.reject(new Error('no store is available while generating'));
  const postgres = { query: refuse, execute: refuse, transaction: refuse, close: () => Promise.resolve() };
  const app = await createGateway({
    clickhouse: { query: refuse, insert: refuse } as unknown as ClickHouseClient,
    postgres,
  });
  try {
    return openApiDocument(app.apiRoutes, '1');
  } finally {
    await app.close();
  }
}

if (process.argv[1]?.endsWith('ingest/generate.js') === true) {
  const { document, types } = await generateApi();
  writeFileSync(join(GENERATED, 'openapi.json'), document);
  writeFileSync(join(GENERATED, 'api.ts'), types);
}
