/** A line of `EXPLAIN AST`, with what stands below it. */
export interface Node {
  readonly type: string;
  readonly name: string;
  readonly parent: Node | undefined;
  readonly children: Node[];
  /** As the engine counts them. */
  readonly childCount: number;
}

/** Reads the lines of `EXPLAIN AST`, `  Function sum (alias x) (children 1)`, in their order. The alias is left out. */
export function nodesOf(tree: string): Node[] {
  const nodes: Node[] = [];
  const open: Node[] = [];
  for (const line of tree.split('\n')) {
    const [, indent = '', type = '', rest = ''] = /^( *)([A-Za-z:]*) ?(.*)$/.exec(line) ?? [];
    if (line === '') continue;
    const count = / ?\(children (\d+)\)$/.exec(rest);
    const [name = ''] = rest.slice(0, count?.index).split(' (alias ', 1);
    open.length = Math.min(open.length, indent.length);
    const parent = open.at(-1);
    const node: Node = { type, name, parent, children: [], childCount: Number(count?.[1] ?? 0) };
    parent?.children.push(node);
    open.push(node);
    nodes.push(node);
  }
  return nodes;
}
