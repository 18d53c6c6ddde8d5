// Who may import whom: the table of the architecture, as oxlint rules. Every message says what is wrong and where the thing belongs.
// A room is a folder; a suffix rule narrows a room further, so each entry carries everything that holds for its files.

const drivers = ['node:sqlite', 'better-sqlite3', 'mongoose', 'mongodb', 'kafkajs', 'pg', 'redis', 'ioredis']
const adapters = ['sqlite', 'mongo', 'kafka', 'distributed']
const services = ['identity', 'authorization', 'admin', 'profiles', 'audit', 'analytics', 'integration', 'gateway']
const workspace = (names) => `^@pavan/(${names.join('|')})(/|$)`
const exactly = (names) => `^(${names.map((name) => name.replace(/[.]/g, '\\$&')).join('|')})(/|$)`

const forbid = {
  drivers: {
    regex: exactly(drivers),
    message: 'A database or broker driver belongs behind a port: put this into libs/adapters and ask the port (EventStore, Bus, Rows).',
  },
  adapters: { regex: workspace(adapters), message: 'Only apps choose an adapter: take the port from @pavan/platform and let the app hand the adapter in.' },
  services: { regex: workspace(services), message: 'Services never import each other: react to its events, or keep a view of what you need of it.' },
  apps: { regex: '^@pavan/app-', message: 'Nobody imports an app: move the shared part into a library.' },
  nest: { regex: '^@nestjs/', message: 'This room knows no framework: keep Nest in *.http.ts, *.service.ts or the platform.' },
  platform: { regex: '^@pavan/platform(/|$)', message: 'This room stands below the platform: it must not import it.' },
  otherPackage: { regex: '^\\.\\.?/.*/(src|dist)/', message: 'Another package is imported by its name, for example @pavan/kernel, never by a relative path.' },
  folder: { regex: '^\\.\\.?(/.*)?/index\\.js$|^\\.\\.?$', message: 'Import files, not folders: a library has one index.ts and nothing inside uses it.' },
}

/** Everything but the allowed packages and relative paths. A group reads like .gitignore, so a scope is opened before a package in it. */
const only = (allowed, message) => ({
  group: ['*', '!./**', '!../**', ...(allowed.some((name) => name.startsWith('@pavan/')) ? ['!@pavan'] : []), ...allowed.map((name) => `!${name}`)],
  message,
})
const kernelAnd = (...more) => ['@pavan/kernel', '@pavan/kernel/**', ...more]
const contractsToo = ['@pavan/contracts', '@pavan/contracts/**']
const notRelative = (suffixes, message) => ({ regex: `^\\.{1,2}/.*\\.(${suffixes.join('|')})\\.js$`, message })
const always = [forbid.otherPackage, forbid.folder, forbid.apps]

const kernel = [...always, only([], 'The kernel imports nothing, not even node:*: hand ids, time and randomness in as values.')]
const contracts = [...always, only(kernelAnd('zod'), 'Contracts import only the kernel and zod, because browsers and SDKs read them.')]
const platform = [...always, forbid.drivers, forbid.adapters, forbid.services]
const adapter = (own) => [
  ...always,
  forbid.services,
  {
    ...forbid.adapters,
    regex: workspace(adapters.filter((name) => name !== own)),
    message: 'An adapter knows only its own technology, never another adapter.',
  },
  forbid.nest,
]
/** The one adapter that is made of others. */
const composed = [...always, forbid.drivers, forbid.services, forbid.nest]
const service = (own) => [...always, forbid.drivers, forbid.adapters, { ...forbid.services, regex: workspace(services.filter((name) => name !== own)) }]
// A negation in a group ends oxlint's search, so a group comes after the plain patterns.
const decider = [
  ...always,
  notRelative(['http', 'view', 'reaction', 'service', 'table'], 'A decider is pure: it must not know routes, views, reactions or tables.'),
  only(kernelAnd(...contractsToo), 'A decider imports only the kernel and contracts: clock, randomness, hashes and look-ups come in with the command.'),
]
const view = [
  ...always,
  notRelative(['http', 'decider', 'reaction', 'service'], 'A view must not know routes, deciders, reactions or the service.'),
  only(
    kernelAnd(...contractsToo, '@pavan/platform', '@pavan/platform/views/**'),
    'A view is data, event to row change: it imports only the kernel, contracts and @pavan/platform/views.',
  ),
]
/** A spec may bring the real small thing, the embedded adapter, and may look at a library from outside, by its index. */
const testable = (rules) => rules.filter((rule) => rule !== forbid.adapters && rule !== forbid.folder)

const restrict = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })
const pure = {
  'no-restricted-globals': [
    'error',
    ...['process', 'fetch', 'crypto', 'performance', 'setTimeout', 'setInterval'].map((name) => ({
      name,
      message: 'A pure file has no world around it: the value comes in with the command or the event.',
    })),
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'The time comes in with the command or the event.' },
    { object: 'Math', property: 'random', message: 'Randomness comes in with the command.' },
  ],
}

/** oxlint overrides, from wide to narrow: the last one that matches a file wins. */
export const roomOverrides = [
  { files: ['libs/kernel/src/**/*.ts'], rules: { ...restrict(kernel), ...pure } },
  { files: ['libs/kernel/src/clock.ts', 'libs/**/*.spec.ts'], rules: { 'no-restricted-properties': 'off', 'no-restricted-globals': 'off' } },
  { files: ['libs/kernel/src/**/*.spec.ts'], rules: restrict([...always, only(['fast-check'], 'A kernel spec imports only the kernel and fast-check.')]) },
  { files: ['libs/contracts/src/**/*.ts'], rules: restrict(contracts) },
  { files: ['libs/contracts/src/**/*.spec.ts'], rules: restrict([...always, forbid.services, forbid.adapters, forbid.platform]) },
  { files: ['libs/platform/src/**/*.ts'], rules: restrict(platform) },
  { files: ['libs/platform/src/**/*.spec.ts'], rules: restrict(testable(platform)) },
  ...adapters
    .filter((own) => own !== 'distributed')
    .flatMap((own) => [
      { files: [`libs/adapters/${own}/src/**/*.ts`], rules: restrict(adapter(own)) },
      { files: [`libs/adapters/${own}/src/**/*.spec.ts`], rules: restrict(testable(adapter(own))) },
    ]),
  { files: ['libs/adapters/distributed/src/**/*.ts'], rules: restrict(composed) },
  ...services.flatMap((own) => [
    { files: [`libs/services/${own}/src/**/*.ts`], rules: restrict(service(own)) },
    { files: [`libs/services/${own}/src/**/*.spec.ts`, `libs/services/${own}/src/spec/**/*.ts`], rules: restrict(testable(service(own))) },
  ]),
  { files: ['libs/{platform,services/*}/src/**/*.decider.ts'], rules: { ...restrict(decider), ...pure } },
  { files: ['libs/services/*/src/**/*.view.ts'], rules: { ...restrict(view), ...pure } },
  { files: ['apps/*/src/**/*.ts'], rules: restrict(always) },
  { files: ['apps/console/src/**/*.{ts,tsx}'], rules: restrict([...always, forbid.nest, forbid.platform, forbid.services, forbid.adapters, forbid.drivers]) },
  {
    files: [`apps/{all-in-one,${services.join(',')}}/src/main.ts`],
    rules: { 'max-lines': ['error', { max: 30, skipComments: true, skipBlankLines: true }] },
  },
]
