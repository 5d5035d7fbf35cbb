import type { State } from './state.js';
import { toQuery } from './state.js';

/** Values that texts and links of a board may reference. */
export interface Scope {
  state: State;
  /** The user's organisation: the variable of that name, which is not a choice. */
  org: string;
  /** Texts of the chosen values; "All" for all. */
  texts: Record<string, readonly string[]>;
  /** Range of the rows at hand, in milliseconds. */
  from: number;
  to: number;
  /** Address of a Grafana with the same boards. */
  grafanaUrl?: string;
  /** True if links have no target, as in a report. */
  isDetached?: boolean;
}

/** The value to which a link belongs. */
export interface Subject {
  /** Columns of its row, by name and by title. */
  fields: Record<string, { value: string; text: string }>;
  value: string;
  text: string;
  name: string;
  labels: Record<string, string>;
  /** Milliseconds since 1970. */
  time?: number;
}

const REFERENCE = /\$\{(\w+)((?:\.\w+|\[["'][^\]]*["']\])*)(?::(\w+))?\}|\$(\w+)/g;

/**
 * Replaces `${name}`, `${name:format}`, `$name` and Grafana's own `${__...}`. Unknown names stay. `encode` is applied
 * to values without a format.
 */
export function interpolate(
  text: string,
  scope: Scope,
  subject?: Subject,
  encode: (value: string) => string = (value) => value,
): string {
  return text.replace(
    REFERENCE,
    (reference: string, braced: string | undefined, path: string | undefined, format?: string, bare?: string) => {
      const name = braced ?? bare ?? '';
      if (name === '__url_time_range')
        return `from=${encodeURIComponent(scope.state.from)}&to=${encodeURIComponent(scope.state.to)}`;
      if (name === '__all_variables')
        return toQuery({ from: '', to: '', variables: { org: [scope.org], ...scope.state.variables } }).replace(
          'from=&to=&',
          '',
        );
      if (name === '__from') return String(scope.from);
      if (name === '__to') return String(scope.to);
      const own = subject === undefined ? undefined : subjectValue(name, keysOf(path ?? ''), subject);
      if (own !== undefined) return format === undefined ? encode(own) : formatted(name, [own], format, [own]);
      const chosen = name === 'org' ? [scope.org] : scope.state.variables[name];
      if (chosen === undefined) return reference;
      const texts = scope.texts[name] ?? chosen;
      if (format !== undefined) return formatted(name, chosen, format, texts);
      return encode(texts.join(' + '));
    },
  );
}

function keysOf(path: string): string[] {
  return [...path.matchAll(/\.(\w+)|\[["']([^\]]*)["']\]/g)].map(([, word, quoted]) => word ?? quoted ?? '');
}

function subjectValue(
  name: string,
  keys: string[],
  { fields, value, text, name: title, labels, time }: Subject,
): string | undefined {
  const [first = '', second] = keys;
  if (name === '__value')
    return first === 'time' ? (time === undefined ? undefined : String(time)) : first === 'text' ? text : value;
  if (name === '__series') return title;
  if (name === '__field') return first === 'labels' ? labels[second ?? ''] : title;
  if (name !== '__data' || first !== 'fields') return undefined;
  const field = Object.hasOwn(fields, second ?? '') ? fields[second ?? ''] : undefined;
  return keys[2] === 'text' ? field?.text : field?.value;
}

function formatted(name: string, values: readonly string[], format: string, texts: readonly string[]): string {
  switch (format) {
    case 'queryparam':
      return values.map((value) => `var-${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
    case 'percentencode':
      return values.map(encodeURIComponent).join(',');
    case 'text':
      return texts.join(' + ');
    case 'pipe':
      return values.join('|');
    default:
      return values.join(',');
  }
}

/** For a path, in which `owner/name` is two segments. */
function encodePath(value: string): string {
  return encodeURIComponent(value).replaceAll('%2F', '/');
}

/** Returns an address that can be followed; undefined if there is none. */
export interface Target {
  href: string;
  isElsewhere: boolean;
}

/**
 * Converts a Grafana link to an address of this page: `/d/<uid>` is a board here, other addresses of Grafana need a
 * Grafana, and of the rest only http and https are followed. Encodes data in it unless the link has a format.
 */
export function toTarget(url: string, scope: Scope, subject?: Subject): Target | undefined {
  if (scope.isDetached === true) return undefined;
  const [path = '', query] = url.trim().split(/(?=[?#])(.*)/s);
  const address =
    interpolate(path, scope, subject, encodePath) + interpolate(query ?? '', scope, subject, encodeURIComponent);
  const board = /^\/d\/([\w-]+)(?:\/[^?#]*)?(\?[^#]*)?$/.exec(address);
  if (board !== null) return { href: `/boards/${board[1] ?? ''}${board[2] ?? ''}`, isElsewhere: false };
  if (/^\/boards(?:[/?]|$)/.test(address)) return { href: address, isElsewhere: false };
  if (/^https?:\/\//i.test(address) && URL.canParse(address)) return { href: address, isElsewhere: true };
  if (/^\/(?!\/)/.test(address) && scope.grafanaUrl !== undefined)
    return { href: scope.grafanaUrl.replace(/\/$/, '') + address, isElsewhere: true };
  return undefined;
}
