/** The growing end of one tenant's log, in memory: what the next records need, and nothing of the ones before. */
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { insert, patch, put } from '@pavan/platform/views/changes.js'
import type { RowChange, Rows } from '@pavan/platform/views/rows.js'
import { Frontier } from '../merkle/frontier.js'
import { leafHash } from '../merkle/merkle-hash.js'
import { auditHeads, auditRecords, auditTiles, recordKey, tileKey, type HeadRow, type RecordRow, type TileRow } from './audit.tables.js'
import { canonicalText, recordOf } from './audit-record.js'

/** Hashes in a tile. */
export const tileWidth = 256

type Change = RowChange<any>

export class TenantLog {
  /** Size that is stored: the next write holds only if nobody else has written meanwhile. */
  #stored: number
  #last: string
  readonly #frontier: Frontier
  /** By level, the hashes of the tile that is not complete yet. */
  readonly #tiles: Buffer[][]

  private constructor(
    readonly tenant: string,
    head: HeadRow | undefined,
    tiles: Buffer[][],
  ) {
    this.#stored = head?.size ?? 0
    this.#last = head?.last ?? ''
    this.#frontier = head ? Frontier.from(head.size, head.frontier) : new Frontier()
    this.#tiles = tiles
  }

  static async open(rows: Rows, tenant: string): Promise<TenantLog> {
    const head = await rows.get(auditHeads, tenant)
    const tiles: Buffer[][] = []
    for (let level = 0, count = head?.size ?? 0; count > 0; level++, count = Math.floor(count / tileWidth)) {
      const open: Buffer[] = []
      for (let i = count - (count % tileWidth); i < count; i++) open.push(await hashAt(rows, tenant, level, i))
      tiles.push(open)
    }
    return new TenantLog(tenant, head, tiles)
  }

  /** Appends in memory and answers the rows to write. */
  append(event: StoredEvent): Change[] {
    const index = this.#frontier.size
    const record = recordOf(event, index, this.#last)
    const text = canonicalText(record)
    const hash = leafHash(text)
    this.#last = hash.toString('base64')
    this.#frontier.append(hash)
    const row: RecordRow = {
      tenant: this.tenant,
      index,
      record: text,
      hash: this.#last,
      at: record.at,
      type: record.event.type,
      actor: record.actor.id,
      subject: record.subject,
      client: record.client,
      outcome: record.outcome,
    }
    return [insert(auditRecords, recordKey(this.tenant, index), row), ...this.#intoTile(0, index, hash)]
  }

  /** The row of the new end; fails the write where the stored end is not the one that this log grew from. */
  head(): Change {
    const { size } = this.#frontier
    const row: HeadRow = { tenant: this.tenant, size, frontier: this.#frontier.toJSON(), root: this.#frontier.root().toString('base64'), last: this.#last }
    const change = this.#stored === 0 ? insert(auditHeads, this.tenant, row) : patch(auditHeads, this.tenant, row, { size: this.#stored })
    this.#stored = size
    return change
  }

  #intoTile(level: number, index: number, hash: Buffer): Change[] {
    const tile = (this.#tiles[level] ??= [])
    tile.push(hash)
    if (tile.length < tileWidth) return []
    this.#tiles[level] = []
    const place = Math.floor(index / tileWidth)
    const frontier = new Frontier()
    for (const one of tile) frontier.append(one)
    const root = frontier.root()
    const row: TileRow = { tenant: this.tenant, level, index: place, hashes: Buffer.concat(tile).toString('base64'), root: root.toString('base64') }
    return [put(auditTiles, tileKey(this.tenant, level, place), row), ...this.#intoTile(level + 1, place, root)]
  }
}

/** Hash number `index` of tile level `level`: a record's, or the root of a tile of the level below. */
export const hashAt = async (rows: Rows, tenant: string, level: number, index: number): Promise<Buffer> => {
  const text =
    level === 0 ? (await rows.get(auditRecords, recordKey(tenant, index)))?.hash : (await rows.get(auditTiles, tileKey(tenant, level - 1, index)))?.root
  if (text === undefined) throw new Error(`the audit log lacks hash ${index} of level ${level}`)
  return Buffer.from(text, 'base64')
}
