import { createHash } from 'node:crypto';

/** The HTML of the page: one script, one stylesheet, and no data of any organisation. */
export const PAGE = page(
  'Shieldwatch boards',
  '<link rel="stylesheet" href="/boards/assets/page.css">',
  `<noscript>The boards are drawn by a script of this server. Please allow it to run.</noscript>
<div id="app"></div>
<script type="module" src="/boards/assets/page.js"></script>`,
);

/** Colours are those of the page's stylesheet. */
const LOGIN_STYLE = `:root{color-scheme:light dark;--page:#f3f4f6;--panel:#fff;--text:#1b1f27;--muted:#5a6373;--border:#d5d9e0;--field:#767f8f;--accent:#1b57b4;--on-accent:#fff;--red:#b81f33}
@media (prefers-color-scheme:dark){:root{--page:#101217;--panel:#191c23;--text:#e4e7ee;--muted:#a0a8b8;--border:#2e3440;--field:#7c8596;--accent:#7fb0ff;--on-accent:#101217;--red:#ff8378}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:32rem;margin:12vh auto;padding:1.5rem 2rem 2rem;background:var(--panel);border:1px solid var(--border);border-radius:6px}
h1{font-size:1.35rem;margin:0 0 1rem}
h2{font-size:1rem;margin:1.75rem 0 .25rem}
p{margin:.25rem 0 .75rem}
.note{color:var(--muted);font-size:.9em}
.refused{border-left:3px solid var(--red);padding-left:.75rem}
form{display:flex;flex-wrap:wrap;gap:.5rem}
label{flex:1 0 100%}
input{flex:1;min-width:12rem;padding:.45rem .6rem;font:inherit;color:inherit;background:var(--page);border:1px solid var(--field);border-radius:4px}
button{padding:.45rem 1rem;font:inherit;color:var(--on-accent);background:var(--accent);border:1px solid var(--accent);border-radius:4px;cursor:pointer}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
code{background:color-mix(in srgb,currentColor 10%,transparent);border-radius:4px;padding:.1em .35em}
@media (max-width:40rem){main{margin:0;border:0;border-radius:0;min-height:100vh}}`;

/** Reason for showing the login page: a failed attempt, or `session` if this tab has none. */
export type Refusal = 'link' | 'token' | 'scope' | 'session';

const REFUSALS: Readonly<Record<Refusal, string>> = {
  link: 'This link is unknown, used or older than ten minutes. Make a new one.',
  token: 'This token is unknown, revoked, expired or mistyped.',
  scope: 'This token may not read. Use one with the scope <code>read</code>.',
  session:
    "This tab has no session, or its session has ended. A cookie alone opens nothing: a tab also needs the session's key, from the link or from another tab that has the boards open.",
};

/** Returns the page for a browser without a session. */
export function loginPage(refused: Refusal | undefined): string {
  return page(
    'Shieldwatch: log in',
    `<style>${LOGIN_STYLE}</style>`,
    `<main>
<h1>Shieldwatch boards</h1>
${refused === undefined ? '' : `<p class="refused" role="alert">${REFUSALS[refused]}</p>`}
<h2>With a one-time link</h2>
<p>Open the one that <code>npm start</code> printed on its console, or print another:</p>
<p><code>npx --no shieldwatch boards</code></p>
<p class="note"><code>--org ID</code> opens another organisation of the machine. A link works once and for ten minutes.</p>
<h2>With a token</h2>
<form method="post" action="/boards/login" autocomplete="off">
<label for="token">Token with the scope <code>read</code>; it is sent once and not kept here</label>
<input id="token" name="token" type="password" required maxlength="200" placeholder="eccp_..." autocomplete="off" spellcheck="false" autocapitalize="off">
<button>Log in</button>
</form>
<p class="note">A session reads what its token reads, and ends with it, after twelve hours, or when the gateway restarts.</p>
</main>`,
  );
}

function page(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
${head}
</head>
<body>
${body}
</body>
</html>
`;
}

/** Returns a policy that forbids other origins, inline code and framing. */
const policy = (...more: string[]): string =>
  ["default-src 'none'", 'img-src data:', "base-uri 'none'", "frame-ancestors 'none'", ...more].join('; ');

export const PAGE_POLICY = policy("script-src 'self'", "connect-src 'self'", "form-action 'none'", "style-src 'self'");
/** The login page runs no script. */
export const LOGIN_POLICY = policy(
  "form-action 'self'",
  `style-src 'sha256-${createHash('sha256').update(LOGIN_STYLE).digest('base64')}'`,
);
