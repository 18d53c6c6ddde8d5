// Compiles what changed in the sources of every workspace to its dist folder with swc; specs stay out. A file is up to date
// when its copy in dist carries the same time. `npm run build`, or `npm run build -- libs/services/identity` for one place.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { root } from './support/node.mjs'

const groups = ['libs', 'libs/adapters', 'libs/services', 'libs/sdk', 'apps']
const stamp = join(root, '.cache', 'build')

const listFiles = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : []

/** Folders of all workspaces that have sources, relative to the root. */
export const workspaces = () =>
  groups
    .filter((group) => existsSync(join(root, group)))
    .flatMap((group) => readdirSync(join(root, group)).map((name) => `${group}/${name}`))
    .filter((folder) => existsSync(join(root, folder, 'package.json')) && existsSync(join(root, folder, 'src')))

const isSource = (file) => !/\.(spec|test)\.ts$|\.d\.ts$|\.md$/.test(file)
const targetOf = (folder, file) => join(root, folder, 'dist', file.slice(join(root, folder, 'src').length + 1)).replace(/\.ts$/, '.js')

function write(target, text, time) {
  mkdirSync(dirname(target), { recursive: true })
  const fresh = `${target}.${process.pid}.new`
  writeFileSync(fresh, text)
  if (time) utimesSync(fresh, time, time)
  renameSync(fresh, target)
}

function removeOrphans(folder, targets) {
  const orphans = listFiles(join(root, folder, 'dist')).filter((file) => !targets.has(file.replace(/\.map$/, '')))
  for (const file of orphans) rmSync(file, { force: true })
}

/** Brings dist up to date and returns how many files were written. Throws the compiler's message on a syntax error. */
export async function build({ folders = workspaces(), onStart = () => {} } = {}) {
  const settings = readFileSync(join(root, '.swcrc'))
  const version = createHash('sha256')
    .update(settings)
    .update(readFileSync(import.meta.filename))
    .digest('hex')
  const everything = !existsSync(stamp) || readFileSync(stamp, 'utf8') !== version
  const work = []
  for (const folder of folders) {
    const sources = listFiles(join(root, folder, 'src')).filter(isSource)
    const targets = new Set()
    for (const source of sources) {
      const target = targetOf(folder, source)
      targets.add(target)
      const { mtime } = statSync(source)
      const built = statSync(target, { throwIfNoEntry: false })
      if (everything || built?.mtime.getTime() !== mtime.getTime()) work.push({ source, target, mtime })
    }
    removeOrphans(folder, targets)
  }
  if (work.length === 0) return 0
  onStart(work.length)
  const { transform } = await import('@swc/core')
  const options = { ...JSON.parse(settings.toString('utf8')), swcrc: false }
  await Promise.all(
    work.map(async ({ source, target, mtime }) => {
      if (!source.endsWith('.ts')) return write(target, readFileSync(source), mtime)
      const { code, map } = await transform(readFileSync(source, 'utf8'), { ...options, filename: source, sourceFileName: source.split(sep).at(-1) }).catch(
        (error) => {
          throw new Error(String(error.message).split('\n\nCaused by:')[0].trim(), { cause: error })
        },
      )
      write(`${target}.map`, map)
      return write(target, `${code}\n//# sourceMappingURL=${target.split(sep).at(-1)}.map\n`, mtime)
    }),
  )
  if (everything && folders.length === workspaces().length) write(stamp, version)
  return work.length
}

if (process.argv[1] === import.meta.filename) {
  const places = process.argv.slice(2).map((place) => place.replace(/\/$/, ''))
  const began = performance.now()
  try {
    const count = await build(places.length > 0 ? { folders: places } : {})
    console.log(`${count} files built in ${Math.round(performance.now() - began)} ms`)
  } catch (error) {
    console.error(String(error.message ?? error))
    process.exitCode = 1
  }
}
