import { beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../auth/caller.js';
import { readBoards } from './board-library.js';
import type { Board } from './board.js';
import { variableValues } from './variables.js';

const CALLER: Caller = { orgId: 'org_a', tokenId: 't', actor: 'session', role: 'viewer' as const, scopes: ['read'], repository: null, retentionDays: 90 };

describe('variableValues', () => {
  let board: Board;

  beforeAll(async () => {
    board = (await readBoards()).board('shieldwatch-posture');
  });

  it('takes the organisation from the caller alone', () => {
    for (const given of ['org_b', ['org_a', 'org_b'], "'", undefined]) {
      expect(variableValues(board, CALLER, { 'var-org': given }).get('org')).toEqual(['org_a']);
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
});
