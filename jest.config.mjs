import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import vm from 'node:vm'

// ESM-only packages (NestJS 12, jose, oidc-provider) need --experimental-vm-modules and Node 24: a bare `npx jest` starts itself again with both.
if (typeof vm.SourceTextModule !== 'function' && /jest(\.js)?$/.test(process.argv[1] ?? '')) {
  const own = `${import.meta.dirname}/node_modules/node/bin/node`
  const { status } = spawnSync(own, ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', ...process.argv.slice(2)], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  })
  process.exit(status ?? 1)
}

// Our sources become CommonJS for the test run; packages are used as they are (Node loads ESM from CommonJS).
export default {
  roots: ['<rootDir>/libs', '<rootDir>/apps', '<rootDir>/tools', '<rootDir>/deploy', '<rootDir>/e2e', '<rootDir>/examples'].filter((folder) =>
    existsSync(folder.replace('<rootDir>', import.meta.dirname)),
  ),
  testMatch: ['**/*.spec.ts'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@pavan/source', 'node', 'node-addons', 'import', 'default'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json', 'node'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2023',
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: ['/node_modules/', '\\.mjs$'],
  modulePathIgnorePatterns: ['/dist/'],
  coverageProvider: 'v8',
  // How long a test may hang before it counts as failed; how long things take is for the benchmarks.
  testTimeout: 60_000,
}
