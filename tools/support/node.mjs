// Which Node runs what. Plain JavaScript of Node 20.19, no dependency: this is read before anything is installed.
import { existsSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const program = process.platform === 'win32' ? 'node.exe' : 'node'
const bundled = join(root, 'node_modules', 'node', 'bin', program)
const numbers = (version) => version.replace(/^v/, '').split('.').map(Number)

/** Whether a version is at least the wanted one; both as `major.minor.patch`, shorter forms count as zeros. */
export function isAtLeast(version, wanted) {
  const [a, b] = [numbers(version), numbers(wanted)]
  for (let i = 0; i < 3; i += 1) if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) > (b[i] ?? 0)
  return true
}

/** Ends with a sentence and a remedy instead of a syntax error when Node is too old to install and build. */
export function requireNode(version = process.versions.node) {
  if (isAtLeast(version, '20.19.0')) return
  stop(
    `Pavan needs Node 20.19 or newer to install and build, and this is ${version}.`,
    'Install a current Node from https://nodejs.org and run the same command again.',
  )
}

/** The Node 24 that the lock file brings along; else the running one when it is new enough for node:sqlite without a flag. */
export function serverNode() {
  if (existsSync(bundled)) return bundled
  if (isAtLeast(process.versions.node, '24.0.0')) return process.execPath
  return stop(
    'The Node 24 that Pavan brings along is missing, probably because npm may not run install scripts here.',
    'Run: npm rebuild node --ignore-scripts=false',
  )
}

/**
 * Flags of Node for an application. With `--expose-gc` it gives back what starting took, in its first quiet moment (idle-memory.ts): 175 instead of
 * 245 MB. Larger young generations brought nothing that could be measured.
 */
export const serverFlags = ['--disable-warning=ExperimentalWarning', '--expose-gc']

/** Compiled code is kept between starts. */
export const serverEnvironment = { NODE_COMPILE_CACHE: join(root, '.cache', 'v8') }

/** A Node outside node_modules, so that an installation never replaces the program that runs it. */
export function outerNode() {
  const inside = join(root, 'node_modules')
  const places = (process.env.PATH ?? '').split(delimiter).filter((place) => place && !resolve(place).includes('node_modules'))
  const found = places.map((place) => join(place, program)).find(existsSync)
  return found ?? (process.execPath.startsWith(inside) ? 'node' : process.execPath)
}

/** Prints what is wrong and what to do, and ends the process. */
export function stop(problem, remedy) {
  console.error(`\n${problem}\n${remedy}\n`)
  process.exit(1)
}
