import { named } from './errors.js';
import { isReaderTableFunction } from './reader-catalog.js';
import { nodesOf } from './statement-tree.js';
import { tokensOf } from './sql-tokens.js';

/** Statements of the admin. An allow-list: what a newer engine brings is refused until somebody has looked at it. */
const STATEMENTS = new Set([
  'SelectWithUnionQuery',
  'InsertQuery',
  'CreateQuery',
  'AttachQuery',
  'AlterQuery',
  'CreateIndexQuery',
  'DropIndexQuery',
  'UpdateQuery',
  'DeleteQuery',
  'OptimizeQuery',
  'CheckQuery',
  'DropQuery',
  'DetachQuery',
  'UndropQuery',
  'TruncateQuery',
  'Rename',
  'Set',
  'UseQuery',
  'Explain',
  'DescribeQuery',
  'ExistsTableQuery',
  'ExistsViewQuery',
  'ExistsDatabaseQuery',
  'ExistsDictionaryQuery',
  'ShowTables',
  'ShowColumns',
  'ShowFunctions',
  'ShowSetting',
  'ShowEngineQuery',
  'ShowProcesslistQuery',
  'ShowCreateTableQuery',
  'ShowCreateViewQuery',
  'ShowCreateDatabaseQuery',
]);

/** Engines that keep their own rows or none: those of tables, and of databases. Others read or write tables of somebody else. */
const ENGINES =
  /^((replacing|summing|aggregating|collapsing|versionedcollapsing|coalescing|graphite)?mergetree|memory|null|log|tinylog|stripelog|set|join|generaterandom|atomic)$/;

/** Parts that make the engine run a view with other rights than those of who asks it, or at a time of its own. */
const OF_ANOTHER = new Set([
  'View SQL Security',
  'ViewTargets',
  'Refresh strategy definition',
  'Dictionary definition',
]);

/**
 * Judges what the engine itself read of an admin's statement: the lines of `EXPLAIN AST`. Databases that are not the
 * admin's are closed to it by grants; this refuses what the engine does with the rights of another.
 *
 * @param sql the text that was read
 * @throws ClickHouseError ACCESS_DENIED
 */
export function checkAdminTree(tree: string, sql: string): void {
  const nodes = nodesOf(tree);
  const [root] = nodes;
  // Settings of a session can cut the answer short, or leave out its beginning.
  if (root === undefined || tree.startsWith(' ') || nodes.some((node) => node.children.length !== node.childCount))
    throw denied('The statement cannot be shown as a whole');
  if (!STATEMENTS.has(root.type))
    throw denied('It keeps its own role, kills no query and runs one statement at a time');
  for (const node of nodes) if (OF_ANOTHER.has(`${node.type} ${node.name}`.trim())) throw ofAnother();
  if (root.type !== 'CreateQuery' && root.type !== 'AttachQuery') return;
  if (isOtherView(sql)) throw ofAnother();
  for (const node of nodes) {
    const { type, name, parent } = node;
    if (type !== 'Function' || parent?.children[0] !== node) continue;
    if (`${parent.type} ${parent.name}` === 'Storage definition' && !ENGINES.test(name.toLowerCase()))
      throw denied(`It makes nothing of the engine ${name.replace(/\W/g, '?')}`);
  }
  // CREATE TABLE ... AS merge(...): a table that reads the function each time.
  const source = root.children.find(({ type }) => type === 'Function');
  if (source !== undefined && !isReaderTableFunction(source.name.toLowerCase()))
    throw denied(`It makes no table of the function ${source.name.replace(/\W/g, '?')}`);
}

/** Whether the statement makes a materialized or window view, which the tree of the engine does not tell from a plain one. */
function isOtherView(sql: string): boolean {
  const words: string[] = [];
  for (const { value } of tokensOf(Buffer.from(sql).toString('latin1'))) {
    if (['table', 'view', 'database', 'dictionary'].includes(value)) break;
    words.push(value);
  }
  return words.includes('materialized') || words.includes('window');
}

function ofAnother(): Error {
  return denied('It makes no materialized view, no dictionary, and no view with a DEFINER or SQL SECURITY');
}

function denied(what: string): Error {
  return named('ACCESS_DENIED', `admin: Not enough privileges. ${what}`);
}
