// @ts-check
// Prints how many tool calls were judged and blocked, by repository. Paths, parameters and answers have types: an editor
// completes them, and `tsc --checkJs` rejects a wrong name.
import process from 'node:process';
import { createApiClient } from 'shieldwatch/client';

const client = createApiClient({
  url: process.env['SHIELDWATCH_URL'] ?? 'http://127.0.0.1:4000',
  token: process.env['SHIELDWATCH_TOKEN'] ?? '',
});

const repos = await client.GET('/v1/repos');
if (repos.error !== undefined) throw new Error(repos.error.error.message);

for (const { repoId, repository } of repos.data.repos) {
  const posture = await client.GET('/v1/repo/{repoId}/posture', {
    params: { path: { repoId }, query: { bucket: 'day' } },
  });
  if (posture.error !== undefined) throw new Error(posture.error.error.message);
  const { total, blocked, rate } = posture.data.runtime.totals;
  console.log(`${repository}: ${total} judged, ${blocked} blocked, rate ${rate ?? 'unknown'}`);
}
