/** The folder of the data: one process at a time, and never a newer layout than this version knows. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartError } from '@pavan/platform/service/start-error.js'

/** Raised when an older version could no longer read what this one writes. */
const layout = 1

export class DataFolder {
  readonly #lock: DatabaseSync

  private constructor(lock: DatabaseSync) {
    this.#lock = lock
  }

  static take(folder: string): DataFolder {
    try {
      makeFolder(folder)
      const probe = join(folder, '.writable')
      writeFileSync(probe, 'x')
      rmSync(probe)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      throw new StartError(
        code === 'ENOSPC' ? `There is no space left for the data folder ${folder}.` : `The data folder ${folder} cannot be written (${code}).`,
        'Give the user that runs Pavan write access and free space there, or name another folder in PAVAN_DATA.',
      )
    }
    const lock = lockFolder(folder)
    try {
      checkLayout(folder)
    } catch (error) {
      lock.close()
      throw error
    }
    return new DataFolder(lock)
  }

  release(): void {
    this.#lock.close()
  }
}

/** Makes a folder and those above it. `recursive: true` of Node never returns where the file system says ENOENT, as below /proc. */
const makeFolder = (folder: string): void => {
  if (existsSync(folder)) return
  if (dirname(folder) !== folder) makeFolder(dirname(folder))
  mkdirSync(folder, { mode: 0o700 })
}

/** A SQLite lock is a lock of the operating system: it ends with the process, however that ends, and needs no cleaning up. */
const lockFolder = (folder: string): DatabaseSync => {
  const lock = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    const { errcode = 0 } = error as { errcode?: number }
    if ((errcode & 0xff) !== 5) throw error
    throw new StartError(
      `The data folder ${folder} is in use by another process.`,
      'Stop the other Pavan that runs on it, or name another folder in PAVAN_DATA.',
    )
  }
}

const checkLayout = (folder: string): void => {
  const file = join(folder, 'format.json')
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, `${JSON.stringify({ layout })}\n`, { flush: true })
    renameSync(`${file}.new`, file)
    return
  }
  const found = layoutOf(file)
  if (found === undefined) throw new StartError(`${file} cannot be read.`, 'Restore it from a backup of the folder, or name another folder in PAVAN_DATA.')
  if (found > layout)
    throw new StartError(
      `The data folder ${folder} was written by a newer version of Pavan (layout ${found}; this version knows ${layout}).`,
      'Start the newer version, or name another folder in PAVAN_DATA.',
    )
}

const layoutOf = (file: string): number | undefined => {
  try {
    const { layout: found } = JSON.parse(readFileSync(file, 'utf8')) as { layout?: unknown }
    return typeof found === 'number' ? found : undefined
  } catch {
    return undefined
  }
}
