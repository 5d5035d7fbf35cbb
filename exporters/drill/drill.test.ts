import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drillIn, leftBehind } from '../real-agents/drills.js';
import { AGENTS_FOLDER, areInstalled, installAgents } from '../real-agents/install.js';
import { OtlpServer } from '../testing/otlp-server.js';

// `shieldwatch drill --live` with the real clients, as a person has them: settings that lead to another gateway, keys,
// telemetry. `npm run soak -- drill` runs it with hooks that are missing or broken in every way.

installAgents();
const isThere = areInstalled();
const title = (name: string): string =>
  isThere ? name : `${name} (NOT RUN: the clients could not be installed from npm)`;

const REAL_KEY = ['sk-ant-', 'fake-key-of-the-person'].join('');

describe(title('a live drill'), () => {
  it.runIf(isThere).each(['claude-code', 'codex', 'gemini-cli'] as const)(
    'proves the installed hook of %s, sends no key, is not counted and leaves nothing behind',
    async (agent) => {
      const otlp = await OtlpServer.start();
      const env = {
        ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
        ANTHROPIC_API_KEY: REAL_KEY,
        CLAUDE_CODE_ENABLE_TELEMETRY: '1',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
      };
      const before: Record<string, string> =
        agent === 'claude-code' ? { '~/.claude/settings.json': JSON.stringify({ env }) } : {};
      const keys = { ANTHROPIC_API_KEY: REAL_KEY, OPENAI_API_KEY: REAL_KEY, GEMINI_API_KEY: REAL_KEY };
      try {
        const report = await drillIn({ agent, before }, AGENTS_FOLDER, keys, (workplace, output) => {
          expect(output).not.toContain(REAL_KEY);
          expect(leftBehind(workplace)).toEqual([]);
          // Neither Claude Code nor Codex keeps the session; Gemini CLI has no switch for that.
          for (const folder of ['.claude/projects', '.codex/sessions']) {
            const path = join(workplace.home, folder);
            const files = existsSync(path) ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : [];
            expect(files.filter((name) => name.endsWith('.jsonl'))).toEqual([]);
          }
        });
        expect(report).toMatchObject({ ok: true, code: 0, clients: [{ client: agent, result: 'proved' }] });
        expect(report.clients[0]?.version).toMatch(/^\d+\.\d+\.\d+/);
        expect(otlp.accepted).toEqual([]);
      } finally {
        await otlp.stop();
      }
    },
  );
});
