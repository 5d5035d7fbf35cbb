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

const LOGIN_STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}
code{background:color-mix(in srgb,currentColor 10%,transparent);border-radius:4px;padding:.1em .35em}`;

/** What a browser without a session sees. */
export const LOGIN_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shieldwatch: log in</title>
<link rel="icon" href="data:,">
<style>${LOGIN_STYLE}</style>
</head>
<body>
<main>
<h1>Shieldwatch boards</h1>
<p>This browser has no session yet. Open the one-time link that <code>npm start</code> printed on its console:</p>
<p><code>/boards/login?code=…</code></p>
<p>A link works once and for ten minutes. Start again for a new one. A session lasts twelve hours, or until the gateway restarts.</p>
</main>
</body>
</html>
`;

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
export const LOGIN_POLICY = `${POLICY}; style-src 'sha256-${createHash('sha256').update(LOGIN_STYLE).digest('base64')}'`;
