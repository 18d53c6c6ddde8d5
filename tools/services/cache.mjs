// What the servers are made of is fetched once and kept: .cache/services of the repository, or the folder that PAVAN_CACHE names.
import { mkdirSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { join, resolve } from 'node:path'
import { root } from '../support/node.mjs'
import { isAlive } from './process.mjs'

export const cacheRoot = () => (process.env.PAVAN_CACHE ? resolve(process.env.PAVAN_CACHE) : join(root, '.cache', 'services'))
export const isCached = (name) => existsSync(join(cacheRoot(), name))

/**
 * The folder `name` of the cache; `install(folder)` fills it when it is missing. It works in a folder of its own that is renamed at the end,
 * so what stands under the name is always whole. The lock only spares a second process the same work: it waits, and takes what the first one made.
 */
export async function cached(name, install) {
  const place = join(cacheRoot(), name)
  if (existsSync(place)) return place
  mkdirSync(cacheRoot(), { recursive: true })
  const lock = `${place}.lock`
  while (!take(lock)) {
    await pause(200)
    if (existsSync(place)) return place
  }
  const draft = `${place}.${process.pid}.draft`
  try {
    // Whoever held the lock may have finished between our look and our turn.
    if (existsSync(place)) return place
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft)
    await install(draft)
    renameSync(draft, place)
  } catch (error) {
    // A process that broke a lock may have come first: the same thing is there, and whole.
    if (!existsSync(place)) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
    rmSync(lock, { force: true })
  }
  return place
}

/** Takes the lock file, also from a process that died with it. */
function take(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const holder = readHolder(lock)
    if (holder !== undefined && !isAlive(holder)) rmSync(lock, { force: true })
    return false
  }
}

function readHolder(lock) {
  try {
    // Empty for the moment between creation and content.
    return Number(readFileSync(lock, 'utf8')) || undefined
  } catch {
    return undefined
  }
}
