import tseslint from 'typescript-eslint';
import { importRules } from './deploy/import-table.mjs';

export default tseslint.config(
  {
    ignores: [
      'dist',
      'node_modules',
      'grafana/generated',
      'collector/generated',
      'ingest/openapi/generated',
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
      // `process.env['X']` marks X as data of an index signature, not a declared property.
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.mts'], extends: [tseslint.configs.disableTypeChecked] },
  { files: ['deploy/examples/**'], rules: { 'no-console': 'off' } },
  {
    // Programs read their environment in one file each; build scripts, tests and tools for development in any.
    files: ['{schemas,exporters,collector,ingest,rollups,grafana,deploy}/**/*.ts'],
    ignores: [
      'exporters/environment.ts',
      'deploy/environment.ts',
      'deploy/embedded/clickhouse/main.ts',
      '**/*.test.ts',
      '**/testing/**',
      'deploy/{bench,soak,pictures}/**',
      'exporters/real-agents/**',
    ],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: "Import it from the program's environment.ts." },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[computed=true][property.value=/^SHIELDWATCH_/]',
          message: "Read it by variable() of the program's environment.ts, which lists all names.",
        },
      ],
      'no-restricted-imports': ['error', { paths: [{ name: 'node:process', importNames: ['env'] }] }],
    },
  },
  ...importRules,
);
