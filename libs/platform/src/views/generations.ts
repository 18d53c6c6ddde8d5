/**
 * The generations of a view: each is a set of tables of its own, built from the first event. One row for each version of a view says which
 * generation its readers use and which one is being built; several copies of a service, and two versions of its code, go by the same rows.
 */
import { insert, patch, put } from './changes.js'
import type { ViewDefinition } from './define-view.js'
import { physical, viewPointers } from './live-tables.js'
import { defineTable, type RowChange, type Rows, type TableDefinition } from './rows.js'

export interface VersionRow {
  readonly view: string
  readonly version: number
  /** Generation that is read; 0 when none is complete. Generation = version × 1,000 + number of the rebuild. */
  readonly live: number
  /** Generation that is being built; 0 when none is. */
  readonly building: number
  /** Highest number that was ever used: a number is not used again, because checkpoints are kept by it. */
  readonly last: number
  /** Generations that nobody starts to read any more, since when, in milliseconds since 1970. */
  readonly retired: readonly { readonly generation: number; readonly at: number }[]
  /** When a copy last said that it runs this version, in milliseconds since 1970. */
  readonly usedAt: number
  /** Id of the event that was parked and went through last, in any copy. */
  readonly retried?: string
  readonly tables: readonly Pick<TableDefinition, 'name' | 'durability'>[]
}

export const viewVersions = defineTable<VersionRow>({ name: 'view-versions', version: 1, durability: 'rebuildable', indexes: { byView: ['view', 'version'] } })

/** A copy looks every few seconds which generation is live; after this time none reads a retired one. */
const retiredMs = 60_000
/** A version that no copy has run for so long is not coming back by itself. */
const unusedMs = 600_000
/** So often the copies of a version say that it is run. */
const usedMs = 60_000

const keyOf = (view: Pick<VersionRow, 'view' | 'version'>): string => `${view.view}/${view.version}`

/** The change that tells the copies of a version that an event which was parked has gone through. */
export const retriedIn = (view: Pick<ViewDefinition, 'name' | 'version'>, event: string): RowChange<any> =>
  patch(viewVersions, keyOf({ view: view.name, version: view.version }), { retried: event })

export class Generations {
  constructor(private readonly rows: Rows) {}

  async open(): Promise<void> {
    await this.rows.open([viewPointers, viewVersions] as never)
  }

  /** The generation that went live last, of whichever version; readers of a version that has none use it until theirs is built. */
  async newest(view: string): Promise<number | undefined> {
    return (await this.rows.get(viewPointers, view))?.generation
  }

  async of(view: ViewDefinition): Promise<VersionRow> {
    for (;;) {
      const row = await this.rows.get(viewVersions, keyOf({ view: view.name, version: view.version }))
      if (row && (row.live !== 0 || row.building !== 0)) return row
      if (row) await this.build(view)
      else {
        const first = view.version * 1000
        const tables = view.tables.map(({ name, durability }) => ({ name, durability }))
        const fresh = { view: view.name, version: view.version, live: 0, building: first, last: first, retired: [], usedAt: Date.now(), tables }
        await this.rows.apply([insert(viewVersions, keyOf(fresh), fresh)])
      }
    }
  }

  /** The generation to build: a new one, or the one that a copy has begun. */
  async build(view: ViewDefinition): Promise<number> {
    for (;;) {
      const row = (await this.rows.get(viewVersions, keyOf({ view: view.name, version: view.version }))) as VersionRow
      if (row.building !== 0) return row.building
      const next = row.last + 1
      const { applied } = await this.rows.apply([patch(viewVersions, keyOf(row), { building: next, last: next }, { building: 0, last: row.last })])
      if (applied) return next
    }
  }

  /** Readers that start now use this generation. Harmless when another copy said so before. */
  async live(view: ViewDefinition, generation: number): Promise<void> {
    const key = keyOf({ view: view.name, version: view.version })
    const row = (await this.rows.get(viewVersions, key)) as VersionRow
    if (row.building === generation) {
      const retired = row.live === 0 ? row.retired : [...row.retired, { generation: row.live, at: Date.now() }]
      await this.rows.apply([patch(viewVersions, key, { live: generation, building: 0, retired }, { building: generation })])
    }
    await this.rows.apply([put(viewPointers, view.name, { view: view.name, generation })])
  }

  /** What all copies say of the versions of all views: some dozens of rows, in one query. */
  async all(): Promise<readonly VersionRow[]> {
    return (await this.rows.find(viewVersions, { index: 'byView', limit: 1_000 })).items
  }

  /** Says that a version is run, where no copy has said so for a minute. */
  async used({ usedAt, ...row }: VersionRow): Promise<void> {
    if (Date.now() - usedAt >= usedMs) await this.rows.apply([patch(viewVersions, keyOf(row), { usedAt: Date.now() })])
  }

  /** Removes the tables that nobody reads any more: where this copy is alone all but the newest, else what has had its time. */
  async clear(view: ViewDefinition, now: number, all: readonly VersionRow[]): Promise<void> {
    const alone = !this.rows.shared
    const versions = all.filter((row) => row.view === view.name && (row.live !== 0 || row.building !== 0 || row.retired.length > 0))
    if (versions.every(({ version, retired }) => version === view.version && retired.length === 0)) return
    const newest = await this.newest(view.name)
    for (const row of versions) {
      const over = row.retired.filter(({ at }) => alone || at < now - retiredMs).map(({ generation }) => generation)
      const unused = row.version !== view.version && row.live !== newest && (alone || row.usedAt < now - unusedMs)
      if (over.length === 0 && !unused) continue
      const retired = row.retired.filter(({ generation }) => !over.includes(generation))
      const state = unused ? { retired: [], live: 0, building: 0 } : { retired }
      // What is not in the row any more is nobody's: only then the tables go.
      const { applied } = await this.rows.apply([patch(viewVersions, keyOf(row), state, { usedAt: row.usedAt, live: row.live, building: row.building })])
      if (applied) for (const generation of unused ? [...over, row.live, row.building] : over) await this.#drop(row, generation)
    }
  }

  async #drop(row: VersionRow, generation: number): Promise<void> {
    if (generation === 0) return
    for (const table of row.tables) await this.rows.drop(physical({ ...table, version: 0, indexes: {} }, generation))
  }
}
