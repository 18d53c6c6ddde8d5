// Which servers can run here, and what to install when one cannot.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isCached } from './cache.mjs'
import { entries } from './entries.mjs'

const remedies = {
  java: 'install a Java 17 runtime (Debian: apt-get install default-jre-headless)',
  javac: 'install a Java 17 compiler (Debian: apt-get install default-jdk-headless)',
  mvn: 'install Maven (Debian: apt-get install maven)',
  go: 'install Go 1.25 or newer from https://go.dev/dl',
  'apt-get': 'use Debian or Ubuntu, whose packages are unpacked for it, or name a MongoDB in MONGODB_URL',
  'dpkg-deb': 'use Debian or Ubuntu, whose packages are unpacked for it, or name a MongoDB in MONGODB_URL',
  chroot: 'run it as root',
  unshare: 'install util-linux',
}
const isRoot = process.getuid?.() === 0
/** What a server needs to run, and what only its first fetching needs. */
const needs = {
  kafka: { entry: entries.kafka, run: ['java'], fetch: ['mvn'] },
  'mongo-java': { entry: entries.mongoJava, run: ['java'], fetch: ['mvn', 'javac'] },
  'mongo-documentdb': { entry: entries.documentdb, run: [isRoot ? 'chroot' : 'unshare'], fetch: ['apt-get', 'dpkg-deb', 'go'] },
}

/**
 * For each server `{ possible: true }`, or `{ possible: false, problem, remedy }` in words.
 * @returns {Record<string, { possible: boolean, problem?: string, remedy?: string }>}
 */
export const available = () => Object.fromEntries(Object.keys(needs).map((name) => [name, availability(name)]))

function availability(name) {
  const { entry, run, fetch } = needs[name]
  const missing = [...run, ...(isCached(entry) ? [] : fetch)].filter((program) => !onPath(program))
  if (missing.length === 0) return { possible: true }
  return {
    possible: false,
    problem: `${name} needs ${missing.join(' and ')}, which this machine does not have`,
    remedy: missing.map((program) => remedies[program]).join('; '),
  }
}

/** Throws one sentence with the remedy when a server cannot run here. */
export function demand(name) {
  const { possible, problem, remedy } = availability(name)
  if (!possible) throw new Error(`${problem}: ${remedy}.`)
}

function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
