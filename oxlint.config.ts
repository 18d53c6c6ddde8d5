import { defineConfig } from 'oxlint'
import { roomOverrides } from './tools/lint/rooms.mjs'

export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'promise', 'node', 'jest'],
  categories: { correctness: 'error' },
  env: { node: true, es2024: true },
  ignorePatterns: ['**/dist/**', 'docs/reference/**', 'data/**'],
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'typescript/no-explicit-any': 'off',
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
    // Where definitions of many types meet (`RowChange<any>`, `RecordedEvent<any>`) a type argument has to be open; rules, contracts and routes never need it.
    { files: ['libs/{kernel,contracts}/**/*.ts', 'libs/services/**/*.{decider,http}.ts'], rules: { 'typescript/no-explicit-any': 'error' } },
    {
      files: ['**/*.spec.ts', 'libs/*/src/testing/**', 'libs/services/*/src/spec/**', 'e2e/**'],
      rules: {
        'max-lines': 'off',
        'no-console': 'off',
        'no-unsafe-optional-chaining': 'off',
        'typescript/no-explicit-any': 'off',
        'jest/no-standalone-expect': 'off',
        'jest/expect-expect': 'off',
        'jest/no-conditional-expect': 'off',
        'jest/valid-describe-callback': 'off',
        'jest/valid-title': 'off',
      },
    },
    ...roomOverrides,
  ],
})
