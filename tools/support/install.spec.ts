import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const here = import.meta.dirname
const lock = (version: string) =>
  JSON.stringify({
    packages: { '': {}, 'node_modules/a': { version }, 'node_modules/b-linux': { version: '1.0.0', optional: true }, 'node_modules/own': { link: true } },
  })

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pavan-install-'))
  mkdirSync(join(root, 'tools/support'), { recursive: true })
  for (const file of ['install.mjs', 'node.mjs']) cpSync(join(here, file), join(root, 'tools/support', file))
  writeFileSync(join(root, 'package-lock.json'), lock('1.0.0'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function whyInstall(): string {
  const script = `import { whyInstall } from ${JSON.stringify(join(root, 'tools/support/install.mjs'))}; console.log(whyInstall() ?? 'fine')`
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim()
}

/** What npm leaves behind when it has finished. */
function installed(version: string): void {
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: { 'node_modules/a': { version } } }))
}

test('nothing installed', () => expect(whyInstall()).toBe('Nothing is installed yet'))

test('an installation that stopped half-way', () => {
  mkdirSync(join(root, 'node_modules/a'), { recursive: true })
  expect(whyInstall()).toBe('The last installation did not finish')
})

test('a plain npm ci is good enough, other platforms aside', () => {
  installed('1.0.0')
  expect(whyInstall()).toBe('fine')
  rmSync(join(root, 'node_modules/.package-lock.json'))
  expect(whyInstall()).toBe('fine') // the stamp of the first look
})

test('a lock file that moved on', () => {
  installed('1.0.0')
  expect(whyInstall()).toBe('fine')
  writeFileSync(join(root, 'package-lock.json'), lock('1.1.0'))
  expect(whyInstall()).toContain('a is missing or not the version')
  installed('1.1.0')
  expect(whyInstall()).toBe('fine')
})
