/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { packageRoot } from '#schemas/root.js';
import { RUNBOOKS } from '../alerts/provisioning.js';
import { board, type BoardAudience } from './board.js';

/** Characters of a line of half a board at 1,280 pixels, and pixels of a line, of heading and padding, of a row of the grid. */
const LINE = { characters: 70, pixels: 22, around: 70, row: 38 };

/** Rows of the grid that a Markdown text needs, blank lines included. */
export function rowsOf(markdown: string): number {
  const lines = markdown
    .split('\n')
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE.characters)), 0);
  return Math.ceil((lines * LINE.pixels + LINE.around) / LINE.row);
}

/** What to do about each alert, where the alert is: the files of grafana/runbooks, a panel each. */
export function runbookBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-runbooks',
      title: 'Runbooks',
      description: 'What each alert means and what to do about it.',
      from: 'now-6h',
      refresh: '',
    },
    audience,
  );
  const texts = RUNBOOKS.map((name) => {
    const text = readFileSync(join(packageRoot(), 'grafana/runbooks', `${name}.md`), 'utf8');
    const [, title = name, body = ''] = /^# (.*)\n+([\s\S]*)$/.exec(text) ?? [];
    return { title, body: body.trimEnd() };
  });
  // One height, that of the longest, so that no row of the board has a hole.
  const height = Math.max(...texts.map(({ body }) => rowsOf(body)));
  for (const [index, { title, body }] of texts.entries()) {
    built.withPanel(
      new TextBuilder()
        .id(index + 1)
        .title(title)
        .height(height)
        .span(12)
        .mode(TextMode.Markdown)
        .content(body),
    );
  }
  return built;
}
