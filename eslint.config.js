import tseslint from 'typescript-eslint';

/** Room -> what it may import of ours. The table of DESIGN: data flows one way, only `deploy` sees every room. */
const ROOMS = {
  schemas: [],
  exporters: ['schemas'],
  collector: ['schemas'],
  ingest: ['schemas'],
  rollups: ['schemas'],
  grafana: ['schemas'],
  deploy: ['schemas', 'exporters', 'collector', 'ingest', 'rollups', 'grafana'],
};

/** Parts of `schemas` that a producer, installed next to an agent, has no business with. */
const STORE_ONLY = '^#schemas/(http|clickhouse|postgres)/';

function importRule(room, allowed) {
  const forbidden = Object.keys(ROOMS).filter((other) => other !== room && !allowed.includes(other));
  const patterns = [
    {
      regex: `(^|/)\\.\\./(${Object.keys(ROOMS).join('|')})/`,
      message: 'A room is entered by its name (#room/...), not by a relative path.',
    },
  ];
  if (forbidden.length > 0) {
    patterns.push({
      regex: `^#(${forbidden.join('|')})/`,
      message: `${room} may import only: ${allowed.join(', ') || 'nothing of ours'}.`,
    });
  }
  if (room === 'exporters')
    patterns.push({ regex: STORE_ONLY, message: 'exporters may not import http, clickhouse or postgres schemas.' });
  return { files: [`${room}/**/*.ts`], rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

/** One configuration a room; a test plants forbidden imports against them. */
export const importRules = Object.entries(ROOMS).map(([room, allowed]) => importRule(room, allowed));

export default tseslint.config(
  {
    ignores: [
      'dist',
      'node_modules',
      'grafana/generated',
      'collector/generated',
      'ingest/openapi/generated',
      '**/testdata/**',
      'deploy/demo/repos',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './grafana/page/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `process.env['X']` says that the name is data; the compiler option asks for it.
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.mts'], extends: [tseslint.configs.disableTypeChecked] },
  ...importRules,
);
