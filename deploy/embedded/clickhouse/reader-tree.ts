import { functionDenied, isHigherOrder } from './forbidden.js';
import { named } from './errors.js';
import { isReaderFunction, isReaderTableFunction, type ReaderCatalog } from './reader-catalog.js';
import { nodesOf, type Node } from './statement-tree.js';

/** What of a statement only its text tells; the engine's tree must agree. */
export interface TreeExpectation {
  /** Lists of settings that were judged, those of EXPLAIN included. */
  readonly settingsLists: number;
  /** The pipe that takes the answer of a SELECT. Nothing else may be written to. */
  readonly answersInto?: string;
}

const STATEMENTS = new Set([
  'SelectWithUnionQuery',
  'Explain',
  'DescribeQuery',
  'ShowTables',
  'ShowColumns',
  'ShowFunctions',
  'ExistsTableQuery',
  'ExistsViewQuery',
  'ExistsDatabaseQuery',
  'ExistsDictionaryQuery',
  'ShowCreateTableQuery',
  'ShowCreateViewQuery',
  'ShowCreateDatabaseQuery',
]);

const EXPLAINED = new Set([
  'EXPLAIN',
  'EXPLAIN AST',
  'EXPLAIN SYNTAX',
  'EXPLAIN QUERY TREE',
  'EXPLAIN PIPELINE',
  'EXPLAIN ESTIMATE',
]);

/** Parts of a SELECT. An allow-list: what a newer engine brings is refused until somebody has looked at it. */
const PARTS = new Set([
  'SelectWithUnionQuery',
  'SelectIntersectExceptQuery',
  'SelectQuery',
  'Subquery',
  'ExpressionList',
  'Literal',
  'Identifier',
  'TableIdentifier',
  'Function',
  'Asterisk',
  'QualifiedAsterisk',
  'ColumnsRegexpMatcher',
  'ColumnsListMatcher',
  'QualifiedColumnsRegexpMatcher',
  'QualifiedColumnsListMatcher',
  'ColumnsTransformerList',
  'ColumnsApplyTransformer',
  'ColumnsExceptTransformer',
  'ColumnsReplaceTransformer',
  'ColumnsReplaceTransformer::Replacement',
  'TablesInSelectQuery',
  'TablesInSelectQueryElement',
  'TableExpression',
  'TableJoin',
  'ArrayJoin',
  'WithElement',
  'OrderByElement',
  'InterpolateElement',
  'SampleRatio',
  'Set',
  'WindowDefinition',
  'WindowListElement',
]);

/** What Grafana's datasource (schema, completion, ad hoc filters) and clickhouse-go ask, and what tells of types and formats. */
const SYSTEM_TABLES = new Set([
  'one',
  'numbers',
  'numbers_mt',
  'zeros',
  'zeros_mt',
  'databases',
  'tables',
  'columns',
  'functions',
  'table_functions',
  'data_type_families',
  'formats',
  'settings',
  'keywords',
  'time_zones',
  'aggregate_function_combinators',
  'build_options',
]);

/** Throws unless a reader may see that table of database `system`. */
export function checkSystemTable(table: string | undefined): void {
  if (table !== undefined && SYSTEM_TABLES.has(table.toLowerCase())) return;
  throw named(
    'ACCESS_DENIED',
    `reader: Not enough privileges. Of database system a reader sees ${[...SYSTEM_TABLES].join(', ')}`,
  );
}

/**
 * Judges what the engine itself read: the lines of `EXPLAIN AST`, of the very text that runs next. Throws
 * ACCESS_DENIED, or ClickHouse's own code, for what a reader may not do.
 */
export function checkReaderTree(tree: string, expected: TreeExpectation, catalog: ReaderCatalog): void {
  const nodes = nodesOf(tree);
  const [root] = nodes;
  if (root === undefined || !STATEMENTS.has(root.type))
    throw denied('A reader may SELECT, EXPLAIN, SHOW, DESCRIBE and EXISTS');
  if (root.type === 'Explain' && !EXPLAINED.has(root.name))
    throw denied(`A reader may ${[...EXPLAINED].join(', ')} of a SELECT`);
  // Settings of the statement can cut the answer short.
  if (tree.startsWith(' ') || nodes.some(({ children, childCount }) => children.length !== childCount))
    throw denied('The statement cannot be shown as a whole');
  for (const node of nodes) checkNode(node, root, catalog);
  checkTarget(nodes, root, expected.answersInto);
  if (nodes.filter(({ type }) => type === 'Set').length > expected.settingsLists)
    throw denied('Settings stand where a reader cannot set them');
}

function checkNode(node: Node, root: Node, catalog: ReaderCatalog): void {
  if (node !== root && !PARTS.has(node.type))
    throw denied(`A reader's statement cannot hold ${node.type.replace(/[^\w:]/g, '?')}`);
  if (node.type === 'Function') checkFunction(node, catalog);
  if (node.type === 'TableIdentifier') checkTable(node.name, catalog);
  if (node.type === 'Identifier') checkIdentifier(node, catalog);
}

function checkFunction(node: Node, catalog: ReaderCatalog): void {
  const name = node.name.toLowerCase();
  if (node.parent?.type === 'TableExpression') {
    if (!isReaderTableFunction(name)) throw functionDenied(name);
  } else if (!isReaderFunction(name, catalog)) {
    if (catalog.deniedFunctions.has(name) || catalog.deniedTableFunctions.has(name)) throw functionDenied(name);
    throw named('UNKNOWN_FUNCTION', `Function with name ${name.replace(/[^\w.]/g, '?')} does not exist`);
  }
}

function checkTable(name: string, catalog: ReaderCatalog): void {
  const at = name.indexOf('.');
  const database = at < 0 ? catalog.database : name.slice(0, at);
  if (database === catalog.database || database.toLowerCase() === 'information_schema') return;
  if (database.toLowerCase() === 'system') checkSystemTable(name.slice(at + 1));
  else throw denied(`A reader sees the databases ${catalog.database}, system and information_schema`);
}

/** A column, as a rule; but also a table behind IN, a database or table of EXISTS and SHOW CREATE, and a function that is handed to another. */
function checkIdentifier(node: Node, catalog: ReaderCatalog): void {
  const { name, parent } = node;
  const [first = '', second] = name.toLowerCase().split('.');
  if (first === 'system' && second !== undefined) checkSystemTable(second);
  const siblings = parent?.children ?? [];
  const isFirst = siblings[0] === node;
  if (parent !== undefined && /^(Exists|ShowCreate)/.test(parent.type) && isFirst)
    checkNamed(parent, siblings, catalog);
  const caller = parent?.parent;
  if (
    isFirst &&
    siblings.length > 1 &&
    caller?.type === 'Function' &&
    isHigherOrder(caller.name.toLowerCase()) &&
    catalog.deniedFunctions.has(name.toLowerCase())
  ) {
    throw functionDenied(name);
  }
}

/**
 * Of EXISTS and SHOW CREATE the engine shows `<database> <table>` behind the type, the database empty where none is
 * given. Identifiers below it are these two and the FORMAT, so that their number says nothing.
 */
function checkNamed({ type, name }: Node, [first, second]: readonly Node[], { database }: ReaderCatalog): void {
  if (first === undefined || name === ` ${first.name}`) return;
  const named = first.name.toLowerCase();
  if (named === 'system' && !type.includes('Database')) checkSystemTable(second?.name);
  else if (first.name !== database && named !== 'information_schema' && named !== 'system')
    throw denied(`A reader sees the databases ${database}, system and information_schema`);
}

/** INTO OUTFILE shows as a string right below its query: none, or our own pipe. */
function checkTarget(nodes: readonly Node[], root: Node, pipe: string | undefined): void {
  const targets = nodes.filter(
    ({ type, parent }) =>
      type === 'Literal' &&
      parent !== undefined &&
      (STATEMENTS.has(parent.type) || parent.type === 'SelectIntersectExceptQuery'),
  );
  const ours = pipe === undefined ? [] : [`'${pipe.replace(/[\\']/g, '\\$&')}'`];
  if (targets.length === ours.length && targets.every((each, i) => each.parent === root && each.name === ours[i]))
    return;
  throw denied('INTO OUTFILE is not allowed over HTTP');
}

function denied(what: string): Error {
  return named('ACCESS_DENIED', `reader: Not enough privileges. ${what}`);
}
