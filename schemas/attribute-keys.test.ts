import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { attributeFates } from './attribute-keys.js';

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

/** What the pinned clients sent in one session of each: keys by signal and name of the record. */
const captured = (read('agent-telemetry.keys.json') as { clients: Record<string, Record<string, string[]>> }).clients;
/** Keys by the reason for which they are not kept. */
const dropped = Object.values(read('agent-telemetry.dropped.json') as Record<string, string[]>).flat();
const fateOf = attributeFates();

it('each key of the agents’ telemetry is kept, is content, or is dropped with a documented reason', () => {
  const records = Object.entries(captured).flatMap(([agent, kinds]) =>
    Object.entries(kinds).map(([kind, keys]) => ({ at: `${agent}: ${kind}`, keys })),
  );
  expect(records.length).toBeGreaterThan(200);
  for (const { at, keys } of records) {
    expect([
      at,
      keys.filter((key) => ['unknown', 'reserved'].includes(fateOf(key, false)) && !dropped.includes(key)),
    ]).toEqual([at, []]);
  }
});

it('no reason is given twice, for a key that is kept, or for one that no agent sends', () => {
  const sent = new Set(Object.values(captured).flatMap((kinds) => Object.values(kinds).flat()));
  expect(dropped.filter((key) => fateOf(key, false) !== 'unknown' || !sent.has(key))).toEqual([]);
  expect(new Set(dropped).size).toBe(dropped.length);
});

it('keeps the keys that distinguish an agent’s tokens, tool calls, hooks, subagents and servers', () => {
  const { codex = {}, 'claude-code': claude = {} } = captured;
  for (const [kinds, kind] of [
    [codex, 'metrics codex.turn.token_usage'],
    [codex, 'metrics codex.tool.call'],
    [codex, 'metrics codex.hooks.run'],
    [claude, 'logs subagent_completed'],
    [claude, 'logs mcp_server_connection'],
  ] as const)
    expect([kind, kinds[kind]?.filter((key) => fateOf(key, false) !== 'listed')]).toEqual([kind, []]);
});
