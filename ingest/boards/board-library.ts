import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldwatchError } from '#schemas/errors.js';
import { boardsFolder } from '#schemas/root.js';
import { boardSchema, type Board, type BoardPanel } from '#schemas/board.js';

/** Default boards; the first that exists is opened. */
const HOMES = ['shieldwatch-fleet', 'shieldwatch-posture'];

/** The generated boards of this version, read once. */
export interface BoardLibrary {
  all(): readonly Board[];
  /**
   * Returns the board that `/boards` opens.
   * @throws ShieldwatchError `not_found` when there is no board at all
   */
  home(): Board;
  /** @throws ShieldwatchError `not_found` */
  board(uid: string): Board;
  /** @throws ShieldwatchError `not_found` */
  panel(uid: string, id: string): BoardPanel;
  /**
   * Returns the SQL of one of the board's annotation queries.
   * @throws ShieldwatchError `not_found`
   */
  annotationSql(uid: string, name: string): string;
}

function orderOf({ uid }: Board): number {
  const at = HOMES.indexOf(uid);
  return at < 0 ? HOMES.length : at;
}

/** Reads every board in `folder`. Throws for an invalid file, because it is part of our own package. */
export async function readBoards(folder = boardsFolder()): Promise<BoardLibrary> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const boards = new Map<string, Board>();
  for (const name of names) {
    const board = boardSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
    boards.set(board.uid, board);
  }
  function board(uid: string): Board {
    const found = boards.get(uid);
    if (found === undefined) throw new ShieldwatchError('not_found', 'there is no such board');
    return found;
  }
  return {
    // The first board is the default.
    all: () => [...boards.values()].sort((a, b) => orderOf(a) - orderOf(b)),
    home: () => board(HOMES.find((uid) => boards.has(uid)) ?? [...boards.keys()][0] ?? ''),
    board,
    panel(uid, id) {
      const found = board(uid)
        .panels.flatMap((each) => [each, ...(each.panels ?? [])])
        .find((each) => String(each.id) === id);
      if (found === undefined) throw new ShieldwatchError('not_found', 'the board has no such panel');
      return found;
    },
    annotationSql(uid, name) {
      const sql = board(uid).annotations.list.find((each) => each.name === name)?.target?.rawSql;
      if (sql === undefined) throw new ShieldwatchError('not_found', 'the board has no such annotation');
      return sql;
    },
  };
}
