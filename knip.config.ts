import type { KnipConfig } from 'knip'

const library = { entry: ['src/index.ts'], project: ['src/**/*.ts'] }
const service = { entry: ['src/*.service.ts'], project: ['src/**/*.ts'] }
const app = { entry: ['src/main.ts'], project: ['src/**/*.ts'] }

// Workspaces import each other by file, so an export that only another workspace uses is alive; one that nobody uses is an error.
export default {
  workspaces: {
    // ts7 is run as a program; oxlint's rooms and the load generator of bench are chosen at run time.
    '.': {
      ignoreDependencies: ['ts7', 'autocannon', '@types/autocannon'],
      // Programs of the operating system.
      ignoreBinaries: ['chrt', 'strace', 'taskset'],
      entry: [
        'tools/*.mjs',
        'tools/**/*.spec.ts',
        'tools/**/*.d.mts',
        'e2e/support/shifted-clock.mjs',
        'bench/*.bench.mjs',
        'bench/support/{bare-*,argon2-verify,map-decisions}.mjs',
        'e2e/**/*.spec.ts',
        'examples/*/*.mjs',
        'examples/**/*.spec.ts',
        'deploy/**/*.spec.ts',
        'deploy/docker/pack.mjs',
      ],
      project: ['tools/**', 'bench/**', 'e2e/**', 'examples/**', 'deploy/**/*.{ts,mjs}'],
    },
    'libs/kernel': library,
    // The kernel is what its rules allow it to build on.
    'libs/contracts': { ...library, ignoreDependencies: ['@pavan/kernel'] },
    // chrt is a program of the operating system.
    'libs/platform': { entry: ['src/testing/*.ts'], project: ['src/**/*.ts'], ignoreBinaries: ['chrt'] },
    // The driver of mongoose comes with it, in the one version that it uses.
    'libs/adapters/*': { ...library, ignoreDependencies: ['mongodb'] },
    'libs/services/*': service,
    'apps/*': app,
  },
  // Specs count as users: what only a spec uses shows up as soon as the spec goes.
  jest: { config: ['jest.config.mjs'] },
  ignoreExportsUsedInFile: true,
} satisfies KnipConfig
