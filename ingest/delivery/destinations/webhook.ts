import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { visible } from '../display.js';
import type { Notice } from '../notice.js';
import { targetUrl } from './atoms.js';
import { destination, outcomeOf } from './destination.js';

/** Signs a message as Standard Webhooks does: HMAC-SHA256 of `id.timestamp.body`. */
export function signatureOf(signingSecret: string, id: string, timestamp: number, body: string): string {
  const key = Buffer.from(signingSecret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key)
    .update(`${id}.${String(timestamp)}.${body}`)
    .digest('base64')}`;
}

/** Replaces every text by what is visible of it. */
function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [visible(name), cleaned(child)]));
  return value;
}

/** Body of a webhook: the notice as JSON. */
export const webhookBody = (notice: Notice): object => ({
  type: 'shieldwatch.notice',
  version: 1,
  data: cleaned(notice),
});

/** A generic webhook, signed as specified by Standard Webhooks. */
export const webhook = destination({
  config: z.strictObject({}),
  secret: z.strictObject({
    url: targetUrl(),
    /** Shared with the receiver: `whsec_` and base64 of 24 to 64 bytes. */
    signingSecret: z.string().regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'whsec_ and base64 of 24 to 64 bytes'),
  }),
  async send(attempt, _config, { url, signingSecret }) {
    const body = JSON.stringify(webhookBody(attempt.notice));
    const id = `${attempt.destinationId}.${attempt.deliveryId}`;
    const timestamp = Math.floor(Date.now() / 1_000);
    return outcomeOf(
      await attempt.egress.request({
        method: 'POST',
        url,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatureOf(signingSecret, id, timestamp, body),
          'idempotency-key': id,
        },
        body,
        signal: attempt.signal,
      }),
    );
  },
});
