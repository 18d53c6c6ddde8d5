/** The Merkle tree over the log of one tenant, read from tiles and records. */
import { Inject, Injectable } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import { Rows } from '@pavan/platform/views/rows.js'
import { Frontier } from '../merkle/frontier.js'
import { consistencyProof, inclusionProof, rootOf, type NodeReader } from '../merkle/proofs.js'
import { auditHeads, auditTiles, tileKey } from './audit.tables.js'
import { hashAt, tileWidth } from './tenant-log.js'

const hashBytes = 32
const levelsOfTile = 8

@Injectable()
export class AuditTree {
  constructor(@Inject(Rows) private readonly rows: Rows) {}

  async inclusion(tenant: string, index: number, asked?: number) {
    const size = await this.#size(tenant, asked)
    if (index >= size) throw new RefusalError('audit.proof.impossible', { size })
    const read = this.#reader(tenant)
    const hashes = await inclusionProof(read, index, size)
    return { index, size, leaf: base64(await read(0, index)), root: base64(await rootOf(read, size)), hashes: hashes.map(base64) }
  }

  async consistency(tenant: string, first: number, second: number) {
    const size = await this.#size(tenant, second)
    if (first > second) throw new RefusalError('audit.proof.impossible', { size })
    const read = this.#reader(tenant)
    const hashes = await consistencyProof(read, first, second)
    const at = async (n: number) => ({ size: n, root: base64(await rootOf(read, n)) })
    return { first: await at(first), second: await at(second), hashes: hashes.map(base64) }
  }

  async #size(tenant: string, asked: number | undefined): Promise<number> {
    const size = (await this.rows.get(auditHeads, tenant))?.size ?? 0
    if (size === 0 || (asked ?? 0) > size) throw new RefusalError('audit.proof.impossible', { size })
    return asked ?? size
  }

  /** One proof asks for at most two nodes of each tile on its way, so what it has read is kept for its time. */
  #reader(tenant: string): NodeReader {
    const known = new Map<string, Promise<Buffer>>()
    return (level, index) => {
      const key = `${level}/${index}`
      let node = known.get(key)
      if (!node) known.set(key, (node = this.#node(tenant, level, index)))
      return node
    }
  }

  async #node(tenant: string, level: number, index: number): Promise<Buffer> {
    const tileLevel = Math.floor(level / levelsOfTile)
    const width = 2 ** (level % levelsOfTile)
    const start = index * width
    if (width === 1) return hashAt(this.rows, tenant, tileLevel, start)
    const tile = await this.rows.get(auditTiles, tileKey(tenant, tileLevel, Math.floor(start / tileWidth)))
    const hashes = tile && Buffer.from(tile.hashes, 'base64')
    const subtree = new Frontier()
    for (let i = start; i < start + width; i++) {
      const offset = (i % tileWidth) * hashBytes
      subtree.append(hashes ? hashes.subarray(offset, offset + hashBytes) : await hashAt(this.rows, tenant, tileLevel, i))
    }
    return subtree.root()
  }
}

const base64 = (hash: Buffer): string => hash.toString('base64')
