/** Checks an export of the audit log against signed checkpoints, without the system that wrote it. */
import { checkpointClaims, checkpointType, type CheckpointClaims } from '@pavan/contracts/audit/audit.contract.js'
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { Frontier } from '../merkle/frontier.js'
import { leafHash } from '../merkle/merkle-hash.js'

export type Verdict =
  | { readonly ok: true; readonly records: number; /** Records that a checkpoint covers. */ readonly covered: number; readonly checkpoints: number }
  | { readonly ok: false; /** Index of the first record that is not as it was written. */ readonly position: number; readonly reason: string }

/** A checkpoint that is not signed by the keys given. */
export class CheckpointInvalid extends Error {}

export const openCheckpoint = async (jws: string, keys: JSONWebKeySet): Promise<CheckpointClaims> => {
  try {
    const { payload, protectedHeader } = await compactVerify(jws.trim(), createLocalJWKSet(keys), { algorithms: ['ES256'] })
    if (protectedHeader.typ !== checkpointType) throw new Error('another type')
    return checkpointClaims.parse(JSON.parse(new TextDecoder().decode(payload)))
  } catch {
    throw new CheckpointInvalid('the checkpoint is not signed by the keys given')
  }
}

interface Line {
  readonly index: number
  readonly hash: string
  readonly record: string
}

const parse = (text: string): Line | undefined => {
  try {
    const line = JSON.parse(text) as Line
    return Number.isInteger(line.index) && typeof line.hash === 'string' && typeof line.record === 'string' ? line : undefined
  } catch {
    return undefined
  }
}

interface Chained {
  readonly tenant: string
  readonly index: number
  readonly previous: string
}

const contentOf = (record: string): Chained | undefined => {
  try {
    return JSON.parse(record) as Chained
  } catch {
    return undefined
  }
}

const bad = (position: number, reason: string): Verdict => ({ ok: false, position, reason })

/** `lines` are those of the export, its header first. */
export const verifyExport = async (lines: AsyncIterable<string> | Iterable<string>, claims: readonly CheckpointClaims[]): Promise<Verdict> => {
  const checkpoints = claims.toSorted((a, b) => a.size - b.size)
  const { tenant } = checkpoints[0] ?? { tenant: undefined }
  if (checkpoints.some((one) => one.tenant !== tenant)) throw new CheckpointInvalid('the checkpoints are of several tenants')
  const frontier = new Frontier()
  let last = ''
  /** Size of the largest checkpoint that holds so far. */
  let sound = 0
  let next = 0
  let header = true

  const judge = (): Verdict | undefined => {
    for (; next < checkpoints.length && checkpoints[next]?.size === frontier.size; next++) {
      const { size, root, last: signed } = checkpoints[next] as CheckpointClaims
      const same = frontier.root().toString('base64') === root
      if (same && signed === last) sound = size
      // The chain holds, so everything after the change was written anew; it cannot lie before the checkpoint that still held.
      else return bad(sound, `the records from ${sound} to ${size - 1} are not those that the checkpoint of ${size} records was signed for`)
    }
    return undefined
  }

  const start = judge()
  if (start) return start
  for await (const text of lines) {
    if (header) {
      header = false
      continue
    }
    if (text === '') continue
    const index = frontier.size
    const line = parse(text)
    const record = line && contentOf(line.record)
    if (!line || !record) return bad(index, 'the line cannot be read')
    if (record.index !== index || line.index !== index)
      return bad(
        index,
        record.index > index ? `the record is missing: number ${record.index} stands in its place` : `number ${record.index} stands in its place`,
      )
    const hash = leafHash(line.record)
    if (hash.toString('base64') !== line.hash) return bad(index, 'the record was changed: it has another hash')
    // The record before was already compared with its own hash, so it is the one that was changed, with its hash.
    if (record.previous !== last)
      return bad(Math.max(index - 1, 0), index === 0 ? 'the record is not the first one' : 'the record was changed: the next one names another hash')
    if (tenant !== undefined && record.tenant !== tenant) return bad(index, 'the record belongs to another tenant')
    frontier.append(hash)
    last = line.hash
    const verdict = judge()
    if (verdict) return verdict
  }
  const missing = checkpoints[next]
  if (missing) return bad(frontier.size, `the log ends here, but ${missing.size} records were signed`)
  return { ok: true, records: frontier.size, covered: sound, checkpoints: checkpoints.length }
}
