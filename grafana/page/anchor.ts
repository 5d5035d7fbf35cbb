import type { Link } from '#schemas/board.js';
import { el } from './dom.js';
import { interpolate, toTarget, type Scope, type Subject } from './scope.js';

/** Returns a link with `content`, or with its title if that is undefined; undefined if the link has no target. */
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

/** Wraps `content` in the first link of `links` that has a target; returns `content` itself if none has. */
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
