import { describe, expect, it } from 'vitest';
import { parseRouteFile, routeDiff } from './route-file.js';

const problem = (text: string): string => {
  try {
    parseRouteFile(text);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('parseRouteFile', () => {
  it('reads routes and adds the defaults', () => {
    const text =
      "routes:\n  - name: pages\n    match: { severities: [critical], repositories: ['acme/*'] }\n    destinations: [oncall]\n";
    expect(parseRouteFile(text)).toEqual([
      {
        name: 'pages',
        match: { severities: ['critical'], repositories: ['acme/*'] },
        destinations: ['oncall'],
        digest: 'none',
        ticket: false,
      },
    ]);
    expect(parseRouteFile('routes: []')).toEqual([]);
  });

  it.each([
    ['routes:\n  - name: a\n    destinations: [x]\n    digest: weekly', 'routes[0].digest: '],
    ['routes:\n  - name: a\n    destinations: []', 'routes[0].destinations: '],
    ['routes:\n  - name: a\n    destinations: [x]\n    match: { severity: [critical] }', 'routes[0].match: '],
    ['routes:\n  - name: a\n    destinations: [x]\n    match: { rules: [no-such-rule] }', 'routes[0].match.rules[0]: '],
    ['routes:\n  - { name: a, destinations: [x] }\n  - { name: a, destinations: [x] }', 'routes: every name once'],
    ['routes:\n  - name: [', 'line '],
    ['[]', 'file: '],
    ['', 'file: '],
    ['a: &a [x]\nroutes: *a', 'the file contains an alias'],
    [`routes: []\n${' '.repeat(300_000)}`, 'the file has more than'],
  ])('refuses %j, and names the place', (text, expected) => {
    expect(problem(text)).toContain(expected);
  });

  it('names a field without its value, which may be a secret', () => {
    const secret = ['ghp', 'FAKE0000fake0000FAKE0000fake0000FAKE'].join('_');
    for (const text of [
      `routes:\n  - name: ${secret}\n    destinations: [x]`,
      `routes:\n  - name: a\n    destinations: [x]\n    digest: ${secret}`,
      `routes:\n  - name: a\n    destinations: [x]\n    match: { repositories: ["${secret}"] }`,
      `routes: [\n  "${secret}`,
    ]) {
      expect(problem(text)).not.toBe('');
      expect(problem(text)).not.toContain(secret);
    }
  });
});

describe('routeDiff', () => {
  const routes = (text: string) => parseRouteFile(`routes:\n${text}`);
  const one = '  - { name: one, destinations: [x] }\n';

  it('names what is added, removed and changed, and nothing where nothing differs', () => {
    expect(routeDiff(routes(one), routes(one))).toEqual([]);
    expect(routeDiff([], routes(one))).toEqual(['+ one: everything; to x']);
    expect(routeDiff(routes(one), routes('  - { name: two, destinations: [x], digest: daily }\n'))).toEqual([
      '+ two: everything; to x; daily digest',
      '- one: everything; to x',
    ]);
    expect(routeDiff(routes(one), routes('  - { name: one, destinations: [x, y], ticket: true }\n'))).toEqual([
      '- one: everything; to x',
      '+ one: everything; to x, y; ticket',
    ]);
  });
});
