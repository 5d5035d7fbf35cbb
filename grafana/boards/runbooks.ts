/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { packageRoot } from '#schemas/root.js';
import { RUNBOOKS } from '../alerts/provisioning.js';
import { board, type BoardAudience } from './board.js';

/**
 * Characters per line of a panel of half width at 1,280 pixels; pixels per line, for heading and padding, and per grid
 * row.
 */
const LINE = { characters: 70, pixels: 22, around: 70, row: 38 };

/** Returns the grid rows that a Markdown text needs, blank lines included. */
export function rowsOf(markdown: string): number {
  const lines = markdown
    .split('\n')
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE.characters)), 0);
  return Math.ceil((lines * LINE.pixels + LINE.around) / LINE.row);
}

/** The runbook of each alert: the files of grafana/runbooks, one panel each. */
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
  // All panels have the height of the tallest, so that no row of the board has a gap.
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
