import type { OpenApiDocument, OpenApiOperation } from './document.js';

/** Allows no scripts and no other origins. */
export const DOCS_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,currentColor 6%,transparent)}
body{font:15px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:17rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;box-sizing:border-box;border-right:1px solid var(--line);font-size:13px}
nav a{display:block;color:inherit;text-decoration:none;padding:1px 0}nav a:hover{text-decoration:underline}
main{padding:1rem 2rem 6rem;max-width:60rem}h1{margin-top:.5rem}h2{margin-top:3rem;border-bottom:1px solid var(--line)}
article{margin:2rem 0}h3{margin:0;font:600 15px ui-monospace,monospace}pre{background:var(--soft);padding:.75rem;overflow:auto;font:12px/1.45 ui-monospace,monospace}
table{border-collapse:collapse;font-size:13px}td,th{text-align:left;padding:2px 1rem 2px 0;vertical-align:top}code{font-family:ui-monospace,monospace}
summary{cursor:pointer;padding:.25rem 0}@media(max-width:50rem){body{display:block}nav{position:static;height:auto}}`;

/** Renders the document as an HTML page: routes, parameters, bodies and answers. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const sections = document.tags.map(({ name, description }) => {
    const inside = operations.filter(({ operation }) => operation.tags.includes(name));
    return {
      menu: `<b>${escape(name)}</b>${inside.map(({ path, method, operation }) => `<a href="#${escape(operation.operationId)}">${method} ${escape(path)}</a>`).join('')}`,
      body: `<h2>${escape(name)}</h2><p>${escape(description)}</p>${inside.map(({ path, method, operation }) => article(path, method, operation)).join('')}`,
    };
  });
  const { title, version, description } = document.info;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(title)} API</title><style>${STYLE}</style>
<nav><a href="/openapi.json">openapi.json</a><br>${sections.map(({ menu }) => menu).join('<br>')}</nav>
<main><h1>${escape(title)} API ${escape(version)}</h1><p>${escape(description)}</p>
<pre>curl -H "Authorization: Bearer eccp_..." http://127.0.0.1:4000/v1/repos</pre>
${sections.map(({ body }) => body).join('')}</main></html>`;
}

function article(path: string, method: string, operation: OpenApiOperation): string {
  const parameters = (operation.parameters ?? [])
    .map(
      ({ name, in: place, required, schema }) =>
        `<tr><td><code>${escape(name)}</code><td>${place}${required ? ', required' : ''}<td>${escape(typeOf(schema))}`,
    )
    .join('');
  const body = Object.entries(operation.requestBody?.content ?? {})
    .map(
      ([type, { schema }]) =>
        `<details><summary>body, <code>${escape(type)}</code></summary><pre>${escape(JSON.stringify(schema, null, 2))}</pre></details>`,
    )
    .join('');
  const done = operation.responses['200'];
  const answer = Object.entries(done !== undefined && 'content' in done ? done.content : {})
    .map(
      ([type, { schema }]) =>
        `<details><summary>answer 200, <code>${escape(type)}</code></summary><pre>${escape(JSON.stringify(schema, null, 2))}</pre></details>`,
    )
    .join('');
  return `<article id="${escape(operation.operationId)}"><h3>${method} ${escape(path)}</h3><p>${escape(operation.summary)}.</p>
${(operation.description ?? '')
  .split('\n\n')
  .map((part) => `<p>${escape(part)}</p>`)
  .join('')}
${parameters === '' ? '' : `<table>${parameters}</table>`}${body}${answer}</article>`;
}

function typeOf(schema: object): string {
  const { type, enum: values, default: fallback } = schema as { type?: string; enum?: string[]; default?: unknown };
  const shown = values === undefined ? (type ?? 'text') : values.join(' | ');
  return fallback === undefined ? shown : `${shown}, default ${JSON.stringify(fallback)}`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
