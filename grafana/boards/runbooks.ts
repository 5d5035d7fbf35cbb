/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { packageRoot } from '#schemas/root.js';
import { RUNBOOKS } from '../alerts/provisioning.js';
import { board, type BoardAudience } from './board.js';

/** What to do about each alert, where the alert is: the files of grafana/runbooks, a panel each. */
export function runbookBoard(audience: BoardAudience): DashboardBuilder {
  const built = board({ uid: 'shieldwatch-runbooks', title: 'Runbooks', description: 'What each alert means and what to do about it.', from: 'now-6h', refresh: '' }, audience);
  for (const [index, name] of RUNBOOKS.entries()) {
    const text = readFileSync(join(packageRoot(), 'grafana/runbooks', `${name}.md`), 'utf8');
    const [, title = name, body = ''] = /^# (.*)\n+([\s\S]*)$/.exec(text) ?? [];
    built.withPanel(new TextBuilder().id(index + 1).title(title).height(13).span(12).mode(TextMode.Markdown).content(body.trimEnd()));
  }
  return built;
}
