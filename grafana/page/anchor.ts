import type { Link } from '#schemas/board.js';
import { el } from './dom.js';
import { interpolate, toTarget, type Scope, type Subject } from './scope.js';

/** A link with `content`, or its title where that is undefined; undefined where it leads nowhere. */
export function anchor(
  link: Link,
  scope: Scope,
  subject?: Subject,
  content?: Node | string,
): HTMLAnchorElement | undefined {
  const target = toTarget(link.url ?? '', scope, subject);
  if (target === undefined) return undefined;
  const title = interpolate(link.title ?? '', scope, subject);
  const element = el('a', { href: target.href }, content ?? (title === '' ? target.href : title));
  if (content !== undefined && title !== '') element.title = title;
  if (target.isElsewhere || link.targetBlank === true) {
    element.target = '_blank';
    element.rel = 'noopener noreferrer';
  }
  return element;
}

/** The first link of `links` that leads somewhere, around `content`; `content` itself where none does. */
export function linked<T extends Node>(
  links: Link[] | undefined,
  scope: Scope,
  subject: Subject,
  content: T,
): T | HTMLAnchorElement {
  for (const link of links ?? []) {
    const element = anchor(link, scope, subject, content);
    if (element !== undefined) return element;
  }
  return content;
}
