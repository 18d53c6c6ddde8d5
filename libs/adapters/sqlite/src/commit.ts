/** Group commit: many writes in one transaction, each with its own answer. The same function runs on the main thread and in the writer thread. */
import type { Connection } from './connection.js'
import { programs, type ProgramName } from './programs.js'

/** Name of a program and its arguments: text, numbers, and arrays of them, cheap to send to another thread. */
export type Write = readonly [program: ProgramName, ...args: unknown[]]

/** `disk`: there is no space or the disk fails; nothing was written. `bug`: the statement cannot be right. */
export interface Failure {
  readonly kind: 'disk' | 'bug'
  readonly message: string
}
export type Answer = { readonly value: unknown } | { readonly failure: Failure }

/** Primary result codes that say that storage is at fault: PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN. */
const diskCodes = new Set([3, 5, 6, 7, 8, 10, 11, 13, 14])

export const failureOf = (error: unknown): Failure => {
  const { errcode, message } = error as { errcode?: number; message?: string }
  const disk = errcode !== undefined && diskCodes.has(errcode & 0xff)
  return { kind: disk ? 'disk' : 'bug', message: String(message ?? error) }
}

/**
 * Runs all writes in one transaction. A write that refuses (a condition does not hold) answers so and changes nothing; one that throws undoes
 * the transaction, and then each write gets one of its own, so that a wrong one hurts nobody else. A failing disk rejects them all.
 */
export const commit = (on: Connection, writes: readonly Write[]): Answer[] => {
  try {
    on.statement('BEGIN IMMEDIATE').run()
    const answers = new Array<Answer>(writes.length)
    for (let i = 0; i < writes.length; i++) {
      const write = writes[i] as Write
      answers[i] = { value: programs[write[0]](on, write) }
    }
    on.statement('COMMIT').run()
    return answers
  } catch (error) {
    if (on.raw.isTransaction) on.raw.exec('ROLLBACK')
    const failure = failureOf(error)
    if (writes.length === 1 || failure.kind === 'disk') return writes.map(() => ({ failure }))
    return writes.flatMap((write) => commit(on, [write]))
  }
}
