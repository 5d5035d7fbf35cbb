import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { pageBundle } from '#schemas/root.js';
import type { ReportData } from './report-data.js';

/**
 * Returns one HTML file with rows, script and style, and a policy that forbids all requests.
 *
 * @throws CommandError if the page's bundle is not built
 */
export async function reportHtml(data: ReportData): Promise<string> {
  const [script, style] = await Promise.all(
    ['report.js', 'page.css'].map((name) => readFile(join(pageBundle(), name), 'utf8')),
  ).catch(() => {
    throw new CommandError('the boards page is not built; run `npm run build`');
  });
  const policy = `default-src 'none'; img-src data:; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Shieldwatch report</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>The pictures of this report are drawn by the script inside it. Please open it in a browser that may run it.</noscript>
<div id="app"></div>
<script type="application/json" id="report">${textOf(data)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

/** Serialises JSON so that it cannot end its element. */
function textOf(data: ReportData): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

function hashOf(text: string | undefined): string {
  return `sha256-${createHash('sha256')
    .update(text ?? '')
    .digest('base64')}`;
}
