/** The audit API: requests and answers of `/api/v1/audit`. Times are milliseconds since 1970, hashes base64. */
import { z } from 'zod'
import { pageOf, pageQuery } from '../http/paging.js'

const instant = z.number().int().describe('Milliseconds since 1970')
const instantQuery = z.coerce.number().int().min(0).max(8_640_000_000_000_000)
const hash = z.string().describe('SHA-256, base64')
const id = z.string().min(1).max(64)

export const auditQuery = pageQuery.extend({
  type: z.string().min(1).max(100).optional().describe('Type of the event: sign-in.failed'),
  actor: id.optional().describe('Who did it'),
  subject: id.optional().describe('Whom it is about'),
  client: id.optional().describe('Client through which it was done'),
  outcome: z.enum(['success', 'failure']).optional(),
  from: instantQuery.optional(),
  to: instantQuery.optional().describe('Up to this moment, itself excluded'),
  order: z.enum(['asc', 'desc']).default('desc'),
})

export const auditRecord = z.object({
  index: z.number().int().describe('Place in the log of the tenant, from 0 without gaps'),
  event: z.string().describe('Id of the event'),
  type: z.string(),
  context: z.string().describe('Service that wrote the event'),
  stream: z.string(),
  position: z.string(),
  at: instant,
  actor: z.object({ type: z.string(), id: z.string() }),
  subject: z.string().optional(),
  client: z.string().optional(),
  address: z.string().optional().describe('Absent when unknown, and after the person was erased'),
  device: z.string().optional(),
  reason: z.string().optional(),
  requestId: z.string().optional(),
  traceId: z.string().optional(),
  outcome: z.enum(['success', 'failure']),
  data: z.record(z.string(), z.unknown()),
  hash: hash.describe('Leaf hash of the record (RFC 6962 section 2.1)'),
  previous: hash.describe('Leaf hash of the record before; empty for the first one'),
})
export const auditPage = pageOf(auditRecord)
export const recordParam = z.coerce.number().int().min(0).max(999_999_999_999)
export const rawRecord = z.object({ record: z.string().describe('Canonical JSON (RFC 8785) whose leaf hash is in the tree'), hash })

const size = z.coerce.number().int().min(1).max(999_999_999_999)
export const inclusionQuery = z.object({
  record: recordParam.describe('Index of the record'),
  size: size.optional().describe('Size of the tree; the present one by default'),
})
export const inclusionAnswer = z.object({
  index: z.number().int(),
  size: z.number().int(),
  leaf: hash,
  root: hash,
  hashes: z.array(hash).describe('From the leaf upwards (RFC 9162 section 2.1.3)'),
})
export const consistencyQuery = z.object({ first: size, second: size })
export const consistencyAnswer = z.object({
  first: z.object({ size: z.number().int(), root: hash }),
  second: z.object({ size: z.number().int(), root: hash }),
  hashes: z.array(hash).describe('RFC 9162 section 2.1.4'),
})

export const checkpoint = z.object({
  size: z.number().int().describe('Records that the checkpoint covers'),
  root: hash,
  at: instant,
  jws: z.string().describe('Compact JWS, ES256, type pavan-checkpoint+jwt, over tenant, size, root, last and iat'),
})
export const checkpointPage = pageOf(checkpoint)
export const auditKeys = z.object({
  keys: z.array(z.object({ kid: z.string(), kty: z.string(), crv: z.string(), x: z.string(), y: z.string(), alg: z.string(), use: z.string() })),
})

/** What a checkpoint signs. */
export const checkpointClaims = z.object({
  tenant: z.string(),
  size: z.number().int().min(0),
  root: z.string(),
  /** Leaf hash of the last record that it covers; empty when there is none. */
  last: z.string(),
  /** Seconds since 1970. */
  iat: z.number().int(),
})
export type CheckpointClaims = z.output<typeof checkpointClaims>
export const checkpointType = 'pavan-checkpoint+jwt'
