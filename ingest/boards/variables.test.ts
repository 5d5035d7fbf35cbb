import { beforeAll, describe, expect, it } from 'vitest';
import { boardSchema, type Board } from '#schemas/board.js';
import type { Caller } from '../auth/caller.js';
import { readBoards } from './board-library.js';
import { chosenValues, plainVariables, variableValues } from './variables.js';

const CALLER: Caller = {
  orgId: 'org_a',
  tokenId: 't',
  actor: 'session',
  role: 'viewer' as const,
  scopes: ['read'],
  repository: null,
  retentionDays: 90,
};

describe('variableValues', () => {
  let board: Board;

  beforeAll(async () => {
    board = (await readBoards()).board('shieldwatch-posture');
  });

  it('takes the organisation from the caller only', () => {
    for (const given of ['org_a', undefined])
      expect(variableValues(board, CALLER, { 'var-org': given }).get('org')).toEqual(['org_a']);
    for (const given of ['org_b', ['org_a', 'org_b'], "'", '']) {
      expect(() => variableValues(board, CALLER, { 'var-org': given })).toThrow(
        expect.objectContaining({ code: 'not_found' }) as Error,
      );
    }
  });

  it('holds a token bound to a repository to that repository', () => {
    const bound = { ...CALLER, repository: 'acme/web' };
    for (const given of ['acme/api', '$__all', undefined]) {
      expect(variableValues(board, bound, { 'var-repo': given }).get('repo')).toEqual(['acme/web']);
    }
  });

  it('reads nothing, one, many and all', () => {
    const repo = (given: unknown) => variableValues(board, CALLER, { 'var-repo': given }).get('repo');
    expect(repo(undefined)).toBe('all');
    expect(repo('$__all')).toBe('all');
    expect(repo('a/b')).toEqual(['a/b']);
    expect(repo(['a/b', 'c'])).toEqual(['a/b', 'c']);
  });

  describe('of each kind', () => {
    const kinds = boardSchema.parse({
      uid: 'u',
      title: 't',
      panels: [],
      templating: {
        list: [
          { name: 'tool', type: 'query', query: 'SELECT 1' },
          {
            name: 'agent',
            type: 'query',
            query: 'SELECT 1',
            includeAll: true,
            current: { text: ['x'], value: ['codex'] },
          },
          { name: 'top', type: 'custom', query: 'Five : 5, Fifty : 50, a\\,b', multi: true, includeAll: true },
          { name: 'find', type: 'textbox', query: 'curl' },
          { name: 'width', type: 'interval', query: '1m,1h' },
          { name: 'team', type: 'constant', query: 'red' },
        ],
      },
    });

    it('fall back on what the board says', () => {
      expect(Object.fromEntries(chosenValues(kinds, CALLER, {}))).toEqual({
        org: ['org_a'],
        agent: ['codex'],
        top: ['5', '50', 'a,b'],
        find: ['curl'],
        width: ['1m'],
        team: ['red'],
      });
      expect([...plainVariables(kinds)]).toEqual(['top', 'width', 'team']);
    });

    it.each([
      ['tool', undefined],
      ['tool', '$__all'],
      ['tool', ''],
      ['tool', ['a', 'b']],
      ['tool', 'a\u0000b'],
      ['top', '6'],
      ['top', ['5', '6']],
      ['width', '2m'],
      ['team', 'blue'],
      ['find', 'x'.repeat(201)],
    ])('refuse for %s the value %j, naming the parameter', (name, value) => {
      expect(() => variableValues(kinds, CALLER, { 'var-tool': 'Bash', [`var-${name}`]: value })).toThrow(
        expect.objectContaining({
          code: 'query_invalid',
          detail: expect.objectContaining({ field: `var-${name}` }) as unknown,
        }) as Error,
      );
    });
  });
});
