import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../openapi/generated/api.js';

/** A client of the API whose paths, parameters, bodies and answers are checked by the compiler; made from the OpenAPI document. */
export type ApiClient = Client<paths>;

export interface ApiClientSettings {
  /** Address of the gateway, e.g. `http://127.0.0.1:4000`. */
  url: string;
  token: string;
  /** Instead of the global one. */
  fetch?: (request: Request) => Promise<Response>;
}

/** @example const { data, error } = await client.GET('/v1/repo/{repoId}/posture', { params: { path: { repoId }, query: { bucket: 'day' } } }); */
export function createApiClient({ url, token, fetch }: ApiClientSettings): ApiClient {
  return createClient<paths>({
    baseUrl: url,
    headers: { authorization: `Bearer ${token}` },
    ...(fetch === undefined ? {} : { fetch }),
  });
}
