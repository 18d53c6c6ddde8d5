/**
 * The port of rows: keyed documents in declared tables, found over declared indexes.
 * Views, protocol state (codes, sessions) and small machinery (leases, checkpoints) live here.
 */
export interface TableDefinition<R extends object = object> {
  /** Kebab-case, unique within the service. */
  readonly name: string
  /** A new version is another physical table. */
  readonly version: number
  /** Index name → fields. Text, number or boolean fields on the top level of the row; equality on a prefix, range on the next field. */
  readonly indexes: Readonly<Record<string, readonly (keyof R & string)[]>>
  /** `full`: a change is on disk when `apply` resolves (protocol state, single-use things). `rebuildable`: power loss may take the last moments, with their checkpoint. */
  readonly durability: 'full' | 'rebuildable'
  /** Field with milliseconds since 1970 after which the row does not exist for any reader; a sweeper removes it later. */
  readonly expires?: keyof R & string
  /**
   * The field that holds personal values, and the fields that say under whose key it is encrypted at rest (privacy/private-rows.ts).
   * Adapters see ciphertext and need not know. A reader gets `undefined` once the subject is erased.
   */
  readonly personal?: { readonly field: keyof R & string; readonly tenant: keyof R & string; readonly subject: keyof R & string }
  /** Carries the row type. */
  readonly row?: R
}

export const defineTable = <R extends object>(table: Omit<TableDefinition<R>, 'row'>): TableDefinition<R> => table

type Scalar = string | number | boolean

export interface FindQuery<R extends object> {
  readonly index: string
  /** Equality on the first fields of the index. */
  readonly where?: Partial<Record<keyof R & string, Scalar>>
  /** Range on the field after them. */
  readonly range?: { readonly gt?: Scalar; readonly gte?: Scalar; readonly lt?: Scalar; readonly lte?: Scalar }
  readonly order?: 'asc' | 'desc'
  /** 1 to 1,000. */
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor?: string
}

export interface Page<R> {
  readonly items: readonly R[]
  /** Absent on the last page. */
  readonly next?: string
}

/**
 * One change of one row. A change with `if`, and an `insert`, is conditional: where its condition does not hold, the whole `apply` does
 * nothing and answers which change failed. That is how everything single-use is consumed.
 */
export type RowChange<R extends object = object> =
  /** `fresh`: the key was made for this row, so that there is nothing to look for. It holds whether that is so or not. */
  | { readonly op: 'put'; readonly table: TableDefinition<R>; readonly key: string; readonly row: R; readonly fresh?: boolean }
  | { readonly op: 'insert'; readonly table: TableDefinition<R>; readonly key: string; readonly row: R }
  /** Sets top-level fields; a missing row stays missing, which fails the apply only when there is an `if`. `undefined` removes a field. */
  | {
      readonly op: 'patch'
      readonly table: TableDefinition<R>
      readonly key: string
      readonly set: Partial<R>
      /** Field → value it must have now; `undefined` says that it must be absent. */
      readonly if?: Partial<R>
    }
  /** Adds to number fields of a row, which is made with `row` (and zeros) when missing. */
  | {
      readonly op: 'add'
      readonly table: TableDefinition<R>
      readonly key: string
      readonly by: Partial<Record<keyof R & string, number>>
      readonly row: R
    }
  | { readonly op: 'remove'; readonly table: TableDefinition<R>; readonly key: string; readonly if?: Partial<R> }
  /** Removes every row whose first index fields equal `where`. */
  | {
      readonly op: 'remove-all'
      readonly table: TableDefinition<R>
      readonly index: string
      readonly where: Partial<Record<keyof R & string, Scalar>>
    }
  /** Inserts the row if its key is new, and only then makes the further changes. Never fails the apply. */
  | { readonly op: 'once'; readonly table: TableDefinition<R>; readonly key: string; readonly row: R; readonly then: readonly RowChange[] }

/** How far a consumer has got in one partition of one context. Committed with the rows. */
export interface Checkpoint {
  readonly consumer: string
  readonly context: string
  readonly p: number
  /** What the writer believes to be stored now (0 at first); another value means that somebody else was faster. */
  readonly from: number
  readonly to: number
  readonly durability: 'full' | 'rebuildable'
}

/** Several where one commit does the work of several partitions. */
export type UpTo = Checkpoint | readonly Checkpoint[]

/** The checkpoints of an apply, with their durability. */
export const checkpointsOf = (upTo: UpTo | undefined): readonly Checkpoint[] => {
  if (upTo === undefined) return []
  const all = 'consumer' in upTo ? [upTo] : upTo
  if (all.some(({ durability }) => durability !== all[0]?.durability)) throw new TypeError('checkpoints of one commit have one durability')
  if (new Set(all.map(({ consumer, context, p }) => JSON.stringify([consumer, context, p]))).size < all.length)
    throw new TypeError('a commit moves each checkpoint once')
  return all
}

export type ApplyResult =
  | { readonly applied: true; /** Rows changed, by change. */ readonly counts: readonly number[] }
  | { readonly applied: false; readonly because: 'condition'; readonly failed: number }
  /** `stored`: where the first checkpoint stands that is not as it was believed. */
  | { readonly applied: false; readonly because: 'checkpoint'; readonly stored: number }
  /** A row that was read through the look that was handed in is not as it was any more. */
  | { readonly applied: false; readonly because: 'stale' }

/** Reads from which changes are worked out. */
export interface Look {
  get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined>
  /** The look of the rows below, where one kind of rows stands on another. */
  readonly below?: Look
}

export interface LookOptions {
  /** Nothing that is remembered instead of read. */
  readonly sure?: boolean
  /** What lies there, also where a change of it is under way, which is neither waited for nor finished: for who asks which rows an event touches, never for an `apply`. */
  readonly unsettled?: boolean
}

export abstract class Rows {
  /**
   * Whether a change that is handed over after an append of the same service, and before that is answered, is never there without it: both are
   * durable in that order or, as a rule, in one commit.
   */
  get afterEvents(): boolean {
    return false
  }

  /** Whether other copies of the service write the same rows: then what this copy remembers may be old, and a checkpoint moves without it. */
  get shared(): boolean {
    return false
  }

  /** Makes the tables and their indexes; called by the runner before first use. Harmless when they exist. */
  abstract open(tables: readonly TableDefinition<any>[]): Promise<void>
  abstract get<R extends object>(table: TableDefinition<R>, key: string): Promise<R | undefined>
  abstract find<R extends object>(table: TableDefinition<R>, query: FindQuery<R>): Promise<Page<R>>
  /**
   * For changes that follow from what is there. An `apply` that is handed the look does nothing where somebody else has changed a row since it was read through it,
   * and answers `stale`: the changes are to be worked out anew then, from a look that is `sure`, because the first one may be of a moment ago.
   * Where nobody else writes the tables it is a plain read.
   */
  look(_options?: LookOptions): Look {
    return this
  }
  /**
   * All changes and the checkpoints, or nothing. All tables and checkpoints of one call have the same durability, and each checkpoint is another partition's.
   * Up to 10,000 changes.
   */
  abstract apply(changes: readonly RowChange<any>[], upTo?: UpTo, look?: Look): Promise<ApplyResult>
  /** Stored sequence number of a consumer; 0 when it has none. */
  abstract checkpoint(consumer: string, context: string, p: number, durability: Checkpoint['durability']): Promise<number>
  /** Removes a table and its rows (an old view version). */
  abstract drop(table: TableDefinition<any>): Promise<void>
}
