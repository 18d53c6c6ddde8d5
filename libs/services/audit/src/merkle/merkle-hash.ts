/** The hashes of RFC 6962 section 2.1 (the same in RFC 9162): SHA-256 with one byte that keeps leaves and nodes apart. */
import { hash } from 'node:crypto'

const hashBytes = 32
/** A prefix and two hashes; filled and hashed in one go, so one is enough. */
const node = Buffer.alloc(1 + 2 * hashBytes, 1)

/** From Node's pool: a buffer of its own for each hash takes more time than the hash. */
const digest = (data: string | Uint8Array): Buffer => Buffer.from(hash('sha256', data, 'base64'), 'base64')

export const leafHash = (entry: string | Uint8Array): Buffer => digest(typeof entry === 'string' ? `\0${entry}` : Buffer.concat([Uint8Array.of(0), entry]))

export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => {
  // What somebody hands in as a proof may have any length.
  if (left.length !== hashBytes || right.length !== hashBytes) return digest(Buffer.concat([Uint8Array.of(1), left, right]))
  node.set(left, 1)
  node.set(right, 1 + hashBytes)
  return digest(node)
}

/** Root of a tree without entries. */
export const emptyRoot = (): Buffer => digest('')
