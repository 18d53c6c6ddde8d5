// Installs what package-lock.json asks for when node_modules is missing, half-finished or older than the lock file.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outerNode, root, stop } from './node.mjs'

const modules = join(root, 'node_modules')
const stamp = join(modules, '.pavan-installed')
const lockFile = join(root, 'package-lock.json')

const fingerprint = () => createHash('sha256').update(readFileSync(lockFile)).update(`${process.platform} ${process.arch}`).digest('hex')
const packagesOf = (file) => Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages)

/** Why an installation is needed, as words for the user; undefined when everything is there. */
export function whyInstall() {
  if (!existsSync(modules)) return 'Nothing is installed yet'
  const wanted = fingerprint()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined
  // npm writes its own copy of the lock last, so without it an installation stopped half-way.
  const done = join(modules, '.package-lock.json')
  if (!existsSync(done)) return 'The last installation did not finish'
  const installed = new Map(packagesOf(done).map(([place, { version }]) => [place, version]))
  const stale = packagesOf(lockFile).find(
    ([place, { version, link, optional }]) => place.startsWith('node_modules/') && !link && !optional && installed.get(place) !== version,
  )
  if (stale) return `${stale[0].slice('node_modules/'.length)} is missing or not the version of package-lock.json`
  writeFileSync(stamp, wanted)
  return undefined
}

/** Packages at the top whose files have arrived; npm makes all the folders first. */
const countInstalled = (places) => places.filter((place) => existsSync(join(root, place, 'package.json'))).length

/** Runs `npm ci` with progress when something is missing. */
export async function ensureInstalled(say = (line) => console.error(line)) {
  const reason = whyInstall()
  if (!reason) return
  say(`${reason}: installing (once, about half a minute).`)
  const places = packagesOf(lockFile)
    .filter(([place, { optional, link }]) => place.startsWith('node_modules/') && !optional && !link)
    .map(([place]) => place)
  // npm fetches the list of everything before the first file arrives.
  const tell = (count) => say(count === 0 ? '  asking the registry for packages' : `  ${count} of ${places.length} packages`)
  const progress = setInterval(() => tell(countInstalled(places)), 3000)
  const npm = process.env.npm_execpath && process.env.npm_execpath.endsWith('npm-cli.js') ? [outerNode(), process.env.npm_execpath] : ['npm']
  const args = [...npm.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev']
  const code = await new Promise((resolve) => {
    const child = spawn(npm[0], args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell: npm.length === 1 && process.platform === 'win32' })
    child.once('error', () => resolve(127))
    child.once('exit', (status) => resolve(status ?? 1))
  })
  clearInterval(progress)
  if (code !== 0)
    stop(
      'npm could not install the packages; its own words stand above.',
      'Check the network connection and the free disk space, then run the same command again.',
    )
  writeFileSync(stamp, fingerprint())
  say('  installed')
}
