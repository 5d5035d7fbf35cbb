import { z } from 'zod';
import { displayUnmentioned, facts, headline, links } from '../display.js';
import type { Notice } from '../notice.js';
import { targetUrl } from './atoms.js';
import { destination, outcomeOf, postJson } from './destination.js';

/** A message has at most 28 KB. */
const MAX_FACTS = 30;

/** Text in which an Adaptive Card reads no Markdown: only a TextBlock does. Mentions need entities, which are never sent. */
const run = (text: string, max: number, style: object = {}): object => ({
  type: 'RichTextBlock',
  inlines: [{ type: 'TextRun', text: displayUnmentioned(text, max), ...style }],
});

/** A message with one Adaptive Card. */
export function teamsMessage(notice: Notice, publicUrl: string | undefined): object {
  const rows = facts(notice);
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            run(headline(notice), 300, { weight: 'Bolder', size: 'Medium' }),
            ...rows.slice(0, MAX_FACTS).map(([name, value]) => run(`${name}: ${value}`, 250)),
            ...(rows.length > MAX_FACTS ? [run(`${String(rows.length - MAX_FACTS)} more lines`, 100)] : []),
          ],
          actions: links(notice, publicUrl).map(([title, url]) => ({ type: 'Action.OpenUrl', title, url })),
        },
      },
    ],
  };
}

/** A channel or chat of Microsoft Teams, by the webhook of a workflow. */
export const teams = destination({
  config: z.strictObject({}),
  secret: z.strictObject({ url: targetUrl('logic.azure.com', 'api.powerplatform.com', 'webhook.office.com') }),
  async send(attempt, _config, { url }) {
    return outcomeOf(await postJson(attempt, url, teamsMessage(attempt.notice, attempt.publicUrl)));
  },
});
