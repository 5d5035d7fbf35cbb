/** Arguments of a macro call, and the offset where the call ends. */
export interface MacroCall {
  args: readonly string[];
  end: number;
}

/**
 * Parses `(a, f(b, c))` at `at`. Arguments are split at top-level commas and trimmed. A macro without brackets has
 * none.
 *
 * @throws Error when the brackets are not closed
 */
export function readCall(sql: string, at: number): MacroCall {
  if (sql[at] !== '(') return { args: [], end: at };
  const args: string[] = [];
  let depth = 0;
  let start = at + 1;
  for (let i = at; i < sql.length; i += 1) {
    const char = sql[i];
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if ((char === ',' && depth === 1) || depth === 0) {
      args.push(sql.slice(start, i).trim());
      start = i + 1;
    }
    if (depth === 0) return { args: args.length === 1 && args[0] === '' ? [] : args, end: i + 1 };
  }
  throw new Error('brackets of a macro do not close');
}
