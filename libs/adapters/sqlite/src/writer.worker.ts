/** The writer thread: commits what the main thread sends, and does the slow housekeeping of files (checkpoints, vacuum) for it. */
import { parentPort } from 'node:worker_threads'
import { commit, failureOf, type Answer, type Write } from './commit.js'
import { Connection, type Durability } from './connection.js'

export interface FileRef {
  readonly path: string
  readonly durability: Durability
}
export type Task =
  | { readonly id: number; readonly file: FileRef; readonly writes: readonly Write[] }
  | { readonly id: number; readonly file: FileRef; readonly pragma: 'wal_checkpoint(PASSIVE)' | 'wal_checkpoint(TRUNCATE)' | 'vacuum' }
  | { readonly id: number; readonly file: FileRef; readonly close: true }

export interface Done {
  readonly id: number
  /** Of the work itself, without the way here and back. */
  readonly millis: number
  readonly answers: readonly Answer[]
}

const connections = new Map<string, Connection>()

const connection = ({ path, durability }: FileRef): Connection => {
  let open = connections.get(path)
  if (!open) connections.set(path, (open = new Connection(path, durability)))
  return open
}

const perform = (task: Task): readonly Answer[] => {
  if ('close' in task) {
    connections.get(task.file.path)?.close()
    connections.delete(task.file.path)
    return []
  }
  try {
    const on = connection(task.file)
    if ('writes' in task) return commit(on, task.writes)
    return [{ value: housekeep(on, task.pragma) }]
  } catch (error) {
    const failure = failureOf(error)
    return 'writes' in task ? task.writes.map(() => ({ failure })) : [{ failure }]
  }
}

/** Answers whether it could be done completely. */
export const housekeep = (on: Connection, pragma: string): boolean => {
  if (pragma === 'vacuum') {
    on.raw.exec('VACUUM')
    return true
  }
  const { busy } = on.raw.prepare(`PRAGMA ${pragma}`).get() as { busy: number }
  return busy === 0
}

parentPort?.on('message', (task: Task) => {
  const start = performance.now()
  const answers = perform(task)
  parentPort?.postMessage({ id: task.id, millis: performance.now() - start, answers } satisfies Done)
})
// Says that the thread is up.
parentPort?.postMessage({ id: 0, millis: 0, answers: [] } satisfies Done)
