// Completes package-lock.json after dependencies changed: `node tools/lock-complete.mjs` (`--check` only tells).
// A registry that carries one platform's binaries makes npm leave the other platforms' optional packages out of the lock,
// and `npm ci` then stops with "Missing: … from lock file" (https://github.com/npm/cli/issues/4828).
// Each gap gets an entry with the version that its parent names and the platform that its name tells; npm fetches it only there.
import { readFileSync, writeFileSync } from 'node:fs'

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm64', 'armv7', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'ppc64le', 'riscv64', 's390x', 'wasm32', 'x64']

function findEntry(packages, parent, name) {
  for (let place = parent; ;) {
    const key = `${place ? `${place}/` : ''}node_modules/${name}`
    if (packages[key]) return packages[key]
    if (!place) return undefined
    place = place.slice(0, Math.max(place.lastIndexOf('/node_modules/'), 0))
  }
}

/** The platform limits that a binary package's name tells, for example `@oxlint/binding-linux-x64-musl`. */
export function platformOf(name) {
  const words = name.split(/[/-]/)
  const os = systems.filter((system) => words.includes(system))
  const cpu = processors.filter((processor) => words.includes(processor))
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.some((word) => word.startsWith('gnu')) && os[0] === 'linux' ? ['glibc'] : []
  return { ...(os.length && { os }), ...(cpu.length && { cpu }), ...(libc.length && { libc }) }
}

/** Adds what is missing to the lock's `packages` and returns the names that were added. */
export function complete(packages) {
  const added = []
  for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(optionalDependencies)) {
      const found = findEntry(packages, parent, name)
      const version = /\d+\.\d+\.\d+[^ ]*/.exec(range)?.[0]
      if (found && (range !== version || found.version === version)) continue
      const limits = platformOf(name)
      if (!limits.os && !limits.cpu)
        throw new Error(`${name} (optional, wanted by ${parent}) is missing from the lock, and its name tells no platform: add it by hand.`)
      if (!version) throw new Error(`${name} (optional, wanted by ${parent}) has no plain version in "${range}": add it by hand.`)
      packages[found ? `${parent}/node_modules/${name}` : `node_modules/${name}`] = { version, ...(dev && { dev }), optional: true, ...limits }
      added.push(name)
    }
  }
  return added
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const added = complete(lock.packages)
  const addresses = Object.values(lock.packages).filter((entry) => /^https?:/.test(entry.resolved ?? ''))
  for (const entry of addresses) delete entry.resolved
  if (process.argv.includes('--check')) {
    if (added.length + addresses.length > 0) {
      console.error(
        `package-lock.json lacks ${added.length} optional packages and names ${addresses.length} download addresses. Run: node tools/lock-complete.mjs`,
      )
      process.exitCode = 1
    }
  } else {
    const root = lock.packages['']
    delete lock.packages['']
    lock.packages = { '': root, ...Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))) }
    writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
    console.log(`package-lock.json: ${added.length} optional packages added, ${addresses.length} download addresses removed.`)
  }
}
