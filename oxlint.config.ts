import { defineConfig } from 'oxlint'
import { roomOverrides } from './tools/lint/rooms.mjs'

export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'promise', 'node', 'jest'],
  categories: { correctness: 'error' },
  env: { node: true, es2024: true },
  ignorePatterns: ['**/dist/**', 'docs/reference/**', 'data/**'],
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'typescript/no-explicit-any': 'error',
    'no-console': 'off',
    'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
    'no-debugger': 'error',
    'no-var': 'error',
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    'jest/no-focused-tests': 'error',
    'jest/no-disabled-tests': 'error',
    // `new Array(n)` with a number is the fast way to a pre-sized array and cannot be misread with a type argument.
    'unicorn/no-new-array': 'off',
    // A conditional change is called `then` in this code base, in data that nobody awaits.
    'unicorn/no-thenable': 'off',
    // Nest reads parameter decorators on constructors without a body.
    'no-useless-constructor': 'off',
    'max-lines': ['error', { max: 500, skipComments: true, skipBlankLines: true }],
  },
  overrides: [
    { files: ['libs/**/src/**/*.ts'], rules: { 'no-console': 'error' } },
    // Where definitions of many types meet (tables, views, events) and where a driver hands out untyped data.
    { files: ['libs/{adapters,platform}/**/*.ts', 'e2e/**', '**/*.spec.ts'], rules: { 'typescript/no-explicit-any': 'off' } },
    {
      files: ['**/*.spec.ts', 'libs/platform/src/testing/**', 'e2e/**'],
      rules: {
        'max-lines': 'off',
        'jest/no-standalone-expect': 'off',
        'jest/expect-expect': 'off',
        'jest/no-conditional-expect': 'off',
        'jest/valid-title': 'off',
      },
    },
    ...roomOverrides,
  ],
})
