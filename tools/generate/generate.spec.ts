import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { apply, plan } from '../generate.mjs'
import { addImports, addToList, addToProperty } from './edits.mjs'
import { pluralOf, prefixFor, spell } from './names.mjs'

const root = join(import.meta.dirname, '../..')
const copied = ['libs', 'apps', 'tools/lint', 'package.json', 'tsconfig.json', 'tsconfig.base.json', 'jest.config.mjs', 'oxlint.config.ts']
let copy: string

/** A copy of the sources whose workspaces import each other, not the originals. */
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'pavan-generate-'))
  const wanted = (path: string): boolean => !/\/(dist|node_modules)(\/|$)/.test(path)
  for (const path of copied) cpSync(join(root, path), join(copy, path), { recursive: true, filter: wanted })
  mkdirSync(join(copy, 'node_modules'))
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@pavan' && name !== '.cache') symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name))
  }
  for (const group of ['libs', 'libs/services', 'libs/adapters', 'apps']) {
    for (const folder of readdirSync(join(copy, group))) link(`${group}/${folder}`)
  }
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

function link(folder: string): void {
  const manifest = join(copy, folder, 'package.json')
  if (!existsSync(manifest)) return
  const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name: string }
  mkdirSync(dirname(join(copy, 'node_modules', name)), { recursive: true })
  symlinkSync(join(copy, folder), join(copy, 'node_modules', name))
}

test('what every generator writes has the right types, keeps the import rules and passes its specs', () => {
  const before = typeErrors()
  const files = [
    ...apply(plan(['aggregate', 'admin', 'widget-factory']), copy),
    ...apply(plan(['view', 'admin', 'new-tenants', 'tenantCreated']), copy),
    ...apply(plan(['reaction', 'admin', 'greet-people', 'userRegistered']), copy),
    ...apply(plan(['service', 'billing']), copy),
  ]
  link('libs/services/billing')
  files.push(...apply(plan(['aggregate', 'billing', 'invoice']), copy))

  const fresh = typeErrors().filter((line) => !before.includes(line))
  expect(fresh).toEqual([])

  const sources = [...new Set(files)].filter((file) => file.endsWith('.ts'))
  const lint = spawnSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '-f', 'unix', ...sources], { cwd: copy, encoding: 'utf8' })
  expect(`${lint.stdout}${lint.stderr}`.split('\n').filter((line) => line.includes('[Error'))).toEqual([])

  const specs = sources.filter((file) => file.endsWith('.spec.ts'))
  const jest = [join(root, 'node_modules/jest/bin/jest.js'), '--runInBand', '--json', ...specs]
  const report = JSON.parse(
    execFileSync(process.execPath, ['--experimental-vm-modules', '--no-warnings', ...jest], { cwd: copy, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  expect(report).toMatchObject({ success: true, numTotalTestSuites: specs.length })
}, 60_000)

function typeErrors(): string[] {
  const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/ts7/bin/tsc'), '-p', 'tsconfig.json', '--pretty', 'false'], {
    cwd: copy,
    encoding: 'utf8',
  })
  return stdout.split('\n').filter((line) => /^(libs|apps)/.test(line))
}

test('nothing is overwritten, and nothing is half done', () => {
  const place = mkdtempSync(join(tmpdir(), 'pavan-generate-'))
  writeFileSync(join(place, 'here.ts'), 'mine')
  expect(() => apply({ create: { 'new.ts': 'x', 'here.ts': 'theirs' }, edit: {} }, place)).toThrow('here.ts exists already')
  expect(() => apply({ create: { 'new.ts': 'x' }, edit: { 'gone.ts': (text: string) => text } }, place)).toThrow('gone.ts is missing')
  expect(readdirSync(place)).toEqual(['here.ts'])
  rmSync(place, { recursive: true })
})

test('a wrong call is answered with the usage', () => {
  expect(() => plan(['view', 'admin'])).toThrow('view <service> <plural-noun> <event')
  expect(() => plan(['nothing'])).toThrow('aggregate | view | reaction | service')
  expect(() => plan(['aggregate', 'admin', 'BigThing'])).toThrow('kebab-case')
})

test('names', () => {
  expect(spell('welcome-mail')).toMatchObject({ camel: 'welcomeMail', upper: 'WelcomeMail', words: 'welcome mail', Title: 'Welcome mail', article: 'a' })
  expect(['policy', 'box', 'day', 'key'].map(pluralOf)).toEqual(['policies', 'boxes', 'days', 'keys'])
  expect(prefixFor('widget', ['wid', 'wig'])).toBe('wie')
})

test('edits', () => {
  expect(addImports("import { a } from 'a'\n\nconst x = 1\n", ["import { b } from 'b'"])).toBe("import { a } from 'a'\nimport { b } from 'b'\n\nconst x = 1\n")
  expect(addImports("import {\n  a,\n} from 'a'\nconst x = 1\n", ["import { b } from 'b'"])).toBe(
    "import {\n  a,\n} from 'a'\nimport { b } from 'b'\nconst x = 1\n",
  )
  expect(addToProperty("  title: 'X',\n  routes: [],\n", 'views', ['v'])).toBe("  title: 'X',\n  views: [v],\n  routes: [],\n")
  expect(addToProperty('  views: [a],\n', 'views', ['v'])).toBe('  views: [v, a],\n')
  expect(addToList('export const xs = [a] as const', 'xs', ['b', 'c'])).toBe('export const xs = [b, c, a] as const')
  expect(() => addToList('', 'xs', ['b'])).toThrow('There is no list "xs"')
})
