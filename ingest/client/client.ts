import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../openapi/generated/api.js';

/**
 * Client of the API, generated from the OpenAPI document: the compiler checks paths, parameters, bodies and answers.
 */
export type ApiClient = Client<paths>;

export interface ApiClientSettings {
  /** Base URL of the gateway, such as `http://127.0.0.1:4000`. */
  url: string;
  token: string;
  /** Replaces the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
}

/**
 * Creates a typed client.
 * @example const { data, error } = await client.GET('/v1/repo/{repoId}/posture', { params: { path: { repoId }, query: {
 * bucket: 'day' } } });
 */
export function createApiClient({ url, token, fetch }: ApiClientSettings): ApiClient {
  return createClient<paths>({
    baseUrl: url,
    headers: { authorization: `Bearer ${token}` },
    ...(fetch === undefined ? {} : { fetch }),
  });
}
