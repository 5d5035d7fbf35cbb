import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { canonicalRepository, REPOSITORY_PATTERN } from '#schemas/records/repository.js';
import { findGitFolder } from './git-folder.js';
import { hostName, insteadOf } from './host-alias.js';
import { remoteUrl } from './git-config.js';
import { remoteName } from './remote-name.js';
import { cleanRepositoryName, repositoryName } from './repository-name.js';

/** Each group holds the remotes of one repository. */
const { groups } = JSON.parse(readFileSync(new URL('../testing/remotes.json', import.meta.url), 'utf8')) as {
  groups: string[][];
};

const GROUPS: [name: string, remotes: string[]][] = [
  [
    'acme/app',
    [
      'https://github.com/Acme/App.git',
      'http://www.github.com/acme/app/',
      'https://GitHub.com:443/acme/app',
      'git://github.com/acme/app.git',
      'git@github.com:acme/app.git',
      'github.com:/acme/app.git',
      'org-7@github.com:acme/app',
      'ssh://git@ssh.github.com:443/acme/app.git',
      'https://x-access-token:ghs_secret@github.com/acme/app',
      'https://github.com./acme/app?tab=readme#top',
      'https://github.com/acme/%61pp.GIT',
    ],
  ],
  [
    'gitlab.com/acme/app',
    [
      'https://gitlab.com/acme/app.git',
      'https://oauth2:pa55@gitlab.com/Acme/app.git',
      'ssh://git@altssh.gitlab.com:443/acme/app.git',
    ],
  ],
  ['gitlab.com/group/sub/app', ['https://gitlab.com/group/sub/app.git', 'git@gitlab.com:group/sub/app.git']],
  [
    'bitbucket.org/acme/app',
    [
      'https://someone@bitbucket.org/acme/app.git',
      'git@bitbucket.org:Acme/app.git',
      'ssh://git@altssh.bitbucket.org:443/acme/app.git',
    ],
  ],
  [
    'bitbucket.example/proj/app',
    ['https://bitbucket.example/scm/PROJ/app.git', 'ssh://git@bitbucket.example:7999/proj/app.git'],
  ],
  [
    'ghe.example/acme/app',
    ['https://ghe.example/acme/app', 'git@ghe.example:Acme/App.git', 'ssh://git@GHE.example:2222//acme/app.git'],
  ],
  ['acme.ghe.com/acme/app', ['https://acme.ghe.com/acme/app', 'ssh://acme@ssh.acme.ghe.com:443/acme/app.git']],
  [
    'dev.azure.com/contoso/my%20project/app',
    [
      'https://dev.azure.com/contoso/My%20Project/_git/app',
      'https://contoso@dev.azure.com/contoso/My%20Project/_git/App',
      'git@ssh.dev.azure.com:v3/contoso/My%20Project/app',
      'ssh://git@ssh.dev.azure.com:22/v3/contoso/My%20Project/app',
      'https://contoso.visualstudio.com/My%20Project/_git/app',
      'https://contoso.visualstudio.com/DefaultCollection/My%20Project/_git/_optimized/app',
      'contoso@vs-ssh.visualstudio.com:v3/contoso/My%20Project/app',
      'ssh://contoso@vs-ssh.visualstudio.com:22/DefaultCollection/My%20Project/_ssh/app',
    ],
  ],
  [
    'dev.azure.com/contoso/app/app',
    [
      'https://dev.azure.com/contoso/_git/app',
      'https://contoso.visualstudio.com/_git/App',
      'git@ssh.dev.azure.com:v3/contoso/app/app',
    ],
  ],
  [
    'tfs.example/tfs/defaultcollection/project/app',
    [
      'https://tfs.example/tfs/DefaultCollection/Project/_git/app',
      'ssh://tfs.example:22/tfs/DefaultCollection/Project/_ssh/app',
    ],
  ],
  [
    'android.googlesource.com/platform/App',
    ['https://android.googlesource.com/platform/App', 'https://Android.googlesource.com/platform/App.git'],
  ],
  ['android.googlesource.com/platform/app', ['https://android.googlesource.com/platform/app']],
  ['git.example/~/app', ['git.example:~/app.git']],
  ['[::1]/acme/app', ['ssh://git@[::1]:2222/acme/app', 'git@[::1]:acme/app.git']],
  ['localhost/acme/app', ['http://localhost:3000/acme/app', 'git@localhost:acme/app']],
  ['git.example/caf\u00e9/app', ['https://git.example/caf%C3%A9/app', 'git@git.example:cafe\u0301/app']],
  // A folder of this machine: only its name.
  [
    'app',
    [
      'file:///srv/private/app.git',
      '/srv/private/app.git',
      '../app/',
      'C:\\work\\App',
      'c:/Work/app.git',
      '/mnt/c/Work/App.git',
      'file:///C:/work/App',
      'file:///mnt/c/work/APP',
      '\\\\wsl$\\Ubuntu\\home\\me\\app',
      '//wsl.localhost/Ubuntu/home/me/app',
    ],
  ],
  ['App', ['/srv/private/App.git']],
];

describe('remoteName', () => {
  it('gives all remotes of a repository one name, and never their credentials', () => {
    for (const [name, remotes] of GROUPS)
      expect(remotes.map((url) => [url, remoteName(url)])).toEqual(remotes.map((url) => [url, name]));
    for (const url of ['https://git.example/', 'https://', 'git@git.example:', ''])
      expect([url, remoteName(url)]).toEqual([url, undefined]);
  });

  it('gives no two repositories one name', () => {
    const names = [...groups, ...GROUPS.map(([, remotes]) => remotes)].map((remotes) => [
      ...new Set(remotes.map((url) => remoteName(url))),
    ]);
    expect(names.map((distinct) => distinct.length)).toEqual(names.map(() => 1));
    expect(new Set(names.slice(0, groups.length).flat()).size).toBe(groups.length);
    expect(new Set(names.slice(groups.length).flat()).size).toBe(GROUPS.length);
  });

  it('gives an owner and a name on a host the same name by HTTPS, SSH and scp, a canonical one that a record may carry', () => {
    const part = fc
      .stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,12}[A-Za-z0-9_-]$/)
      .filter((text) => !/^_(?:git|ssh)$|\.git$/i.test(text));
    fc.assert(
      fc.property(
        fc.constantFrom('github.com', 'gitlab.com', 'bitbucket.org', 'ghe.example', 'git.sr.ht'),
        part,
        fc.array(part, { minLength: 1, maxLength: 3 }),
        (host, owner, rest) => {
          if (owner === 'scm') return;
          const path = [owner, ...rest].join('/');
          const names = [
            `https://${host}/${path}.git`,
            `https://u:p@${host}:8443/${path}`,
            `ssh://git@${host}:22/${path}.git`,
            `git@${host}:${path}.git`,
            `${host.toUpperCase()}:/${path}/`,
          ].map((url) => remoteName(url));
          expect(new Set(names).size).toBe(1);
          expect(names[0]).toMatch(REPOSITORY_PATTERN);
          expect(canonicalRepository(names[0] ?? '')).toBe(names[0]);
        },
      ),
      { seed: 7 },
    );
  });

  it('resolves a host without a dot as git and ssh on this machine do', () => {
    expect(
      insteadOf(
        '[url "https://github.com/"]\n\tinsteadOf = gh:\n[url "git@gitlab.com:acme/"]\n\tinsteadof = "gh:acme/"\n[user]\n\tname = x',
        'gh:acme/app',
      ),
    ).toBe('git@gitlab.com:acme/app');
    const ssh =
      'Host *.corp !x.corp\n  HostName y\nMatch user me\n  HostName z\nHost "github-work"  other\n  User git\n  HostName = github.com\n  HostName late';
    expect([
      hostName(ssh, 'github-work'),
      hostName(ssh, 'OTHER'),
      hostName(ssh, 'x.corp'),
      hostName(ssh, 'github'),
    ]).toEqual(['github.com', 'github.com', undefined, undefined]);
  });
});

describe('remoteUrl', () => {
  it("reads origin among any other entries of git's configuration", () => {
    const config = [
      '[core]',
      '  bare = false',
      '[remote "fork"]',
      '  url = git@h:me/app.git',
      '[Remote "origin"] ; main',
      '\tURL = "https://h/acme/app.git"',
      '  pushurl = https://h/other/app.git',
      '  url = https://h/second/app.git',
      '[branch "main"]',
      '  url = https://h/not/me.git',
    ].join('\r\n');
    expect(remoteUrl(config)).toBe('https://h/acme/app.git');
  });

  it('takes an only remote of another name, and none of several', () => {
    expect(remoteUrl('[remote "upstream"]\nurl = a:b/c # main')).toBe('a:b/c');
    expect(remoteUrl('[remote "a"]\nurl = x\n[remote "b"]\nurl = y')).toBeUndefined();
  });
});

describe('repositoryName', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'shieldwatch-repo-'));
  });

  function git(folder: string, config = ''): string {
    mkdirSync(join(root, folder, '.git'), { recursive: true });
    writeFileSync(join(root, folder, '.git', 'config'), config);
    return join(root, folder);
  }

  it('prefers SHIELDWATCH_REPOSITORY when it is a valid name', () => {
    const app = git('app', '[remote "origin"]\nurl = git@github.com:acme/app.git');
    expect(repositoryName([app], { SHIELDWATCH_REPOSITORY: 'acme/web' })).toBe('acme/web');
    expect(repositoryName([app], { SHIELDWATCH_REPOSITORY: '//' })).toBe('acme/app');
  });

  it('follows a worktree to its repository', () => {
    const app = git('app', '[remote "origin"]\nurl = git@github.com:acme/app.git');
    const files = join(app, '.git', 'worktrees', 'w');
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'commondir'), '../..\n');
    mkdirSync(join(root, 'w', 'src'), { recursive: true });
    writeFileSync(join(root, 'w', '.git'), `gitdir: ${files}\n`);
    expect(repositoryName([join(root, 'w', 'src')], {})).toBe('acme/app');
  });

  it('resolves SSH aliases and git shorthands to the host', () => {
    mkdirSync(join(root, '.ssh'));
    writeFileSync(join(root, '.ssh', 'config'), 'Host work\n  HostName github.com\n');
    writeFileSync(join(root, '.gitconfig'), '[url "https://gitlab.com/"]\n\tinsteadOf = gl:\n');
    const env = { HOME: root };
    expect(repositoryName([git('a', '[remote "origin"]\nurl = git@work:Acme/app.git')], env)).toBe('acme/app');
    expect(repositoryName([git('b', '[remote "origin"]\nurl = gl:acme/app')], env)).toBe('gitlab.com/acme/app');
    expect(repositoryName([git('c', '[remote "origin"]\nurl = other:acme/app')], env)).toBe('other/acme/app');
  });

  it('is equal in a CI job without a checkout and by the remote of a checkout', () => {
    const plain = join(root, 'plain');
    mkdirSync(plain);
    const cases: [NodeJS.ProcessEnv, string][] = [
      [
        { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'Acme/App', GITHUB_SERVER_URL: 'https://github.com' },
        'git@github.com:acme/app.git',
      ],
      [{ GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'acme/app' }, 'git@github.com:acme/app.git'],
      [
        { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'Acme/App', GITHUB_SERVER_URL: 'https://ghe.example' },
        'git@ghe.example:acme/app.git',
      ],
      [
        { GITLAB_CI: 'true', CI_PROJECT_PATH: 'acme/app', CI_PROJECT_URL: 'https://gitlab.com/acme/app' },
        'git@gitlab.com:acme/app.git',
      ],
      [
        { TF_BUILD: 'True', BUILD_REPOSITORY_URI: 'https://contoso@dev.azure.com/contoso/My%20Project/_git/app' },
        'git@ssh.dev.azure.com:v3/contoso/My%20Project/app',
      ],
      [
        { BITBUCKET_BUILD_NUMBER: '7', BITBUCKET_GIT_HTTP_ORIGIN: 'http://bitbucket.org/acme/app' },
        'git@bitbucket.org:acme/app.git',
      ],
    ];
    for (const [env, remote] of cases) {
      expect(repositoryName([plain], env)).toBe(remoteName(remote));
      expect(
        repositoryName([plain], { SHIELDWATCH_REPOSITORY: remote.replace(/^git@([^:]+):/, 'ssh://git@$1/') }),
      ).toBe(remoteName(remote));
    }
  });

  it.skipIf(process.platform === 'win32')(
    'reads a worktree that git of Windows made, and a folder as a Windows agent names it',
    () => {
      const files = 'C:/shieldwatch-none/app/.git/worktrees/w';
      mkdirSync(join(root, 'w'));
      writeFileSync(join(root, 'w', '.git'), `gitdir: ${files}\n`);
      expect(findGitFolder(join(root, 'w'))?.common).toBe('/mnt/c/shieldwatch-none/app/.git/worktrees/w');
      const app = git('app', '[remote "origin"]\nurl = git@github.com:acme/app.git');
      expect(repositoryName([`\\\\wsl$\\Ubuntu${app.replaceAll('/', '\\')}`], {})).toBe('acme/app');
      expect(
        ['C:\\None\\Tools', '/mnt/c/none/tools', 'c:/none/TOOLS/'].map((folder) => repositoryName([folder], {})),
      ).toEqual(['tools', 'tools', 'tools']);
    },
  );

  it('names a repository without remote after its folder, and a plain folder after itself', () => {
    expect(repositoryName([git('my app')], {})).toBe('my-app');
    mkdirSync(join(root, 'plain'));
    expect(repositoryName([join(root, 'plain')], {})).toBe('plain');
  });

  it('skips a folder outside git', () => {
    mkdirSync(join(root, 'scratch'));
    expect(repositoryName([join(root, 'scratch'), git('app')], {})).toBe('app');
  });

  it('masks a token in the name and remains a valid name', () => {
    const name = repositoryName(
      [git('app', '[remote "origin"]\nurl = https://git.example/ghp_0123456789abcdefghij/app.git')],
      {},
    );
    expect(name).toBe('git.example/[redacted:github-token]/app');
    expect(name).toMatch(REPOSITORY_PATTERN);
    expect(cleanRepositoryName(name)).toBe(name);
  });
});
