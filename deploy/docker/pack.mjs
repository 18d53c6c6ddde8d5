// Gathers the compiled program of one app: `node deploy/docker/pack.mjs identity /program`. Only the workspaces that it needs, without sources,
// specs and testing helpers; packages of others are not among them.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const [app = '', target = ''] = process.argv.slice(2)
if (!/^[a-z][a-z-]*$/.test(app) || !existsSync(join(root, 'apps', app, 'package.json')) || target === '') {
  console.error('Usage: node deploy/docker/pack.mjs <app> <folder>')
  process.exit(1)
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
const folders = manifestOf('.').workspaces.flatMap((pattern) =>
  pattern.endsWith('/*') ? readdirSync(join(root, pattern.slice(0, -2))).map((name) => pattern.slice(0, -1) + name) : [pattern],
)
const byName = new Map(folders.filter((folder) => existsSync(join(root, folder, 'package.json'))).map((folder) => [manifestOf(folder).name, folder]))

/** Workspace folders that a folder needs, itself included. */
const closureOf = (folder, found = new Set()) => {
  if (found.has(folder)) return found
  found.add(folder)
  for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) if (byName.has(name)) closureOf(byName.get(name), found)
  return found
}

const isProgram = (file) => !/\.map$|\.spec\.js$|\/dist\/(testing|spec)(\/|$)/.test(file)
const copy = (folder, to) => {
  mkdirSync(to, { recursive: true })
  cpSync(join(root, folder, 'dist'), join(to, 'dist'), { recursive: true, filter: isProgram })
  const { name, version, license, type, exports } = manifestOf(folder)
  writeFileSync(join(to, 'package.json'), JSON.stringify({ name, version, license, type, exports }))
}

const own = `apps/${app}`
for (const folder of closureOf(own)) copy(folder, join(target, folder === own ? own : `node_modules/${manifestOf(folder).name}`))
