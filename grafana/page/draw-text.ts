import { lexer, type Token, type Tokens } from 'marked';
import { anchor } from './anchor.js';
import { el } from './dom.js';
import type { Drawing, Picture } from './drawing.js';
import { interpolate, type Scope } from './scope.js';

/** Draws a text panel: creates elements from Markdown tokens, so that HTML in it stays text. Undefined for HTML. */
export function drawText({ panel, scope }: Drawing): Picture | undefined {
  const { mode = 'markdown', content = '' } = panel.options ?? {};
  if (mode === 'html') return undefined;
  const text = interpolate(content, scope);
  if (mode === 'code')
    return { element: el('pre', { className: 'text', tabIndex: 0 }, el('code', { textContent: text })) };
  return { element: el('div', { className: 'text' }, ...blocks(lexer(text), scope)) };
}

function blocks(tokens: Token[], scope: Scope): Node[] {
  return tokens.flatMap((token) => block(token as Tokens.Generic, scope));
}

function block(token: Tokens.Generic, scope: Scope): Node[] {
  const inner = (): Node[] => inline(token.tokens ?? [], scope);
  switch (token.type) {
    case 'space':
      return [];
    // A board's title is the first heading, a panel's the third.
    case 'heading':
      return [el(token['depth'] === 1 ? 'h4' : 'h5', {}, ...inner())];
    case 'paragraph':
      return [el('p', {}, ...inner())];
    case 'text':
      return token.tokens === undefined ? [document.createTextNode(plain(token))] : inner();
    case 'code':
      return [el('pre', { tabIndex: 0 }, el('code', { textContent: String(token['text']) }))];
    case 'hr':
      return [el('hr')];
    case 'blockquote':
      return [el('blockquote', {}, ...blocks(token.tokens ?? [], scope))];
    case 'list':
      return [
        el(
          token['ordered'] === true ? 'ol' : 'ul',
          {},
          ...(token as Tokens.List).items.map((item) => el('li', {}, ...blocks(item.tokens, scope))),
        ),
      ];
    case 'table':
      return [table(token as Tokens.Table, scope)];
    default:
      return [el('p', { textContent: token.raw })];
  }
}

function table({ header, rows }: Tokens.Table, scope: Scope): HTMLElement {
  const cells = (row: Tokens.TableCell[], tag: 'th' | 'td'): HTMLElement =>
    el('tr', {}, ...row.map((each) => el(tag, {}, ...inline(each.tokens, scope))));
  return el('table', {}, el('thead', {}, cells(header, 'th')), el('tbody', {}, ...rows.map((row) => cells(row, 'td'))));
}

function inline(tokens: Token[], scope: Scope): Node[] {
  return tokens.flatMap((each): Node[] => {
    const token = each as Tokens.Generic;
    const inner = (): Node[] =>
      token.tokens === undefined ? [document.createTextNode(plain(token))] : inline(token.tokens, scope);
    switch (token.type) {
      case 'strong':
        return [el('strong', {}, ...inner())];
      case 'em':
        return [el('em', {}, ...inner())];
      case 'del':
        return [el('del', {}, ...inner())];
      case 'codespan':
        return [el('code', { textContent: plain(token) })];
      case 'br':
        return [el('br')];
      case 'text':
        return inner();
      case 'escape':
        return [document.createTextNode(plain(token))];
      case 'link': {
        const content = el('span', {}, ...inner());
        return [anchor({ url: String(token['href']), title: '' }, scope, undefined, content) ?? content];
      }
      default:
        return [document.createTextNode(token.raw)];
    }
  });
}

function plain(token: Tokens.Generic): string {
  return String(token['text'] ?? token.raw);
}
