import { createHash } from 'node:crypto';

/** The page; all it does is in its one script, all it looks like in its one stylesheet. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Shieldwatch boards</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/boards/assets/page.css">
</head>
<body>
<noscript>The boards are drawn by a script of this server. Please allow it to run.</noscript>
<div id="app"></div>
<script type="module" src="/boards/assets/page.js"></script>
</body>
</html>
`;

const PLAIN_STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}
code{background:color-mix(in srgb,currentColor 10%,transparent);border-radius:4px;padding:.1em .35em}`;

/** What a browser without a session sees. */
export const LOGIN_PAGE = plainPage(
  'Shieldwatch: log in',
  `<h1>Shieldwatch boards</h1>
<p>This browser has no session yet. Open the one-time link that <code>npm start</code> printed on its console, or print another:</p>
<p><code>npx --no shieldwatch boards</code></p>
<p>A link works once and for ten minutes. A session lasts twelve hours, or until the gateway restarts.</p>`,
);

/** What stands at an address that is no board, or no board of the reader's organisation. */
export const MISSING_PAGE = plainPage(
  'Shieldwatch: no such board',
  `<h1>There is no such board</h1>
<p>It may have another name in this version, or belong to another organisation.</p>
<p><a href="/boards">To the boards</a></p>`,
);

function plainPage(title: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${PLAIN_STYLE}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}

/** Nothing from elsewhere, nothing inline, no frame around us. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const PAGE_POLICY = `${POLICY}; style-src 'self'`;
export const PLAIN_POLICY = `${POLICY}; style-src 'sha256-${createHash('sha256').update(PLAIN_STYLE).digest('base64')}'`;
