/** The hashes of RFC 6962 section 2.1 (the same in RFC 9162): SHA-256 with one byte that keeps leaves and nodes apart. */
import { createHash } from 'node:crypto'

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

export const leafHash = (entry: string | Uint8Array): Buffer => createHash('sha256').update(leafPrefix).update(entry).digest()

export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => createHash('sha256').update(nodePrefix).update(left).update(right).digest()

/** Root of a tree without entries. */
export const emptyRoot = (): Buffer => createHash('sha256').digest()
