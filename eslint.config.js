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
  ...importRules,
);
