import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One change to a sample repository. A scan follows each. */
export interface Edit {
  /** Short description of the change. */
  readonly what: string;
  apply(folder: string): Promise<void>;
}

const nothing: Edit = { what: 'as it is', apply: async () => Promise.resolve() };

/** Fake; in two pieces so that no scanner reports this file. */
export const DEMO_FILE_SECRET = 'sk-ant-api03-' + 'DEMOFILEFAKEDEMOFILEFAKEDEMOFILEFAKE-DEMOFAKE';

async function editSettings(folder: string, edit: (settings: Record<string, unknown>) => void): Promise<void> {
  const file = join(folder, '.claude/settings.json');
  const settings = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  edit(settings);
  await writeFile(file, `${JSON.stringify(settings, null, 2)}\n`);
}

/** The story of the well-kept repository: a key is committed, and later removed. */
export const CLEAN_EDITS: readonly Edit[] = [
  nothing,
  {
    what: 'a key is pasted into CLAUDE.md',
    apply: (folder) => appendFile(join(folder, 'CLAUDE.md'), `\nDeploy key: ${DEMO_FILE_SECRET}\n`),
  },
  {
    what: 'every command is allowed',
    apply: (folder) =>
      editSettings(folder, (settings) => {
        settings['permissions'] = { allow: ['Bash(*)', 'Write(*)'], deny: [] };
      }),
  },
  {
    what: 'the key is taken out',
    apply: async (folder) => {
      const file = join(folder, 'CLAUDE.md');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replace(`\nDeploy key: ${DEMO_FILE_SECRET}\n`, ''));
    },
  },
];

/**
 * The story of the neglected repository: a hook that sends files away is removed, then the permissions are narrowed.
 */
export const RISKY_EDITS: readonly Edit[] = [
  nothing,
  {
    what: 'the hooks that call out are removed',
    apply: (folder) =>
      editSettings(folder, (settings) => {
        delete settings['hooks'];
      }),
  },
  {
    what: 'permissions are narrowed',
    apply: (folder) =>
      editSettings(folder, (settings) => {
        settings['permissions'] = {
          allow: ['Read(src/**)', 'Bash(npm test)'],
          deny: ['Bash(rm -rf *)', 'Bash(sudo *)', 'Read(.env)'],
        };
        delete settings['defaultMode'];
        delete settings['enableAllProjectMcpServers'];
        delete settings['env'];
      }),
  },
];
