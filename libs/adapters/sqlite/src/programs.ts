/** Every write that a transaction may consist of. A program checks first and changes then; it may not leave a half-made change when it refuses. */
import type { Connection } from './connection.js'
import { append } from './append.program.js'
import { resolved } from './bus.program.js'
import { destroyKey, insertKey, rewrapKey } from './keys.program.js'
import { apply, defineRows, dropRows, sweep } from './rows.program.js'

const schema = (on: Connection, [, text]: readonly unknown[]): void => on.raw.exec(text as string)

export const programs = {
  schema,
  append,
  apply,
  'define-rows': defineRows,
  'drop-rows': dropRows,
  sweep,
  resolved,
  'insert-key': insertKey,
  'destroy-key': destroyKey,
  'rewrap-key': rewrapKey,
} as const satisfies Record<string, (on: Connection, args: readonly unknown[]) => unknown>

export type ProgramName = keyof typeof programs
