/**
 * What the audit log keeps of an event. It is written once as canonical JSON (RFC 8785) and hashed as it is written.
 * Personal values are in it as ciphertext only, so that erasing a person changes no hash.
 */
import { createHash } from 'node:crypto'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'
import { canonicalize } from './canonical.js'

export type Outcome = 'success' | 'failure'

export interface AuditRecord {
  readonly format: 1
  readonly tenant: string
  /** Place in the log of the tenant, from 0 without gaps. */
  readonly index: number
  /** Leaf hash of the record before it, base64; empty for the first one. */
  readonly previous: string
  readonly event: {
    readonly id: string
    readonly type: string
    readonly schema: number
    readonly context: string
    readonly stream: string
    readonly version: number
    /** `identity:0:123`. */
    readonly position: string
    /** SHA-256 of the ciphertext of the personal part, base64. */
    readonly personal?: string
  }
  /** Milliseconds since 1970. */
  readonly at: number
  readonly actor: { readonly type: string; readonly id: string }
  /** Whom it is about. */
  readonly subject?: string
  readonly client?: string
  readonly reason?: string
  readonly requestId?: string
  readonly traceId?: string
  readonly outcome: Outcome
  readonly data: unknown
  /** Address and device, encrypted under `key`. */
  readonly origin?: string
  /** The subject under whose key `origin` is encrypted. */
  readonly key?: string
}

const failures = new Set(['sign-in.failed', 'lockout.imposed', 'refresh-token.reused'])

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Whom an event is about: the person or client that its data names, or that its stream is. */
const subjectOf = (event: StoredEvent): string | undefined => {
  const data = event.data as Readonly<Record<string, unknown>> | null
  const named = text(data?.user) ?? text(data?.assignee)
  if (named !== undefined) return named
  const { category, id } = event.stream
  return category === 'user' || category === 'client' || category === 'profile' ? id : (event.subject ?? text(data?.client))
}

/** The keys are in the order of the canonical text already; what is undefined is not in it. */
export const recordOf = (event: StoredEvent, index: number, previous: string): AuditRecord => {
  const { meta, stream, position } = event
  return {
    actor: { id: meta.actor.id, type: meta.actor.type },
    at: event.at,
    client: meta.client ?? text((event.data as { client?: unknown } | null)?.client),
    data: event.data,
    event: {
      context: event.context,
      id: event.id,
      personal: event.personal === undefined ? undefined : createHash('sha256').update(event.personal).digest('base64'),
      position: `${event.context}:${position.p}:${position.seq}`,
      schema: event.schema,
      stream: `${stream.category}/${stream.id}`,
      type: event.type,
      version: event.version,
    },
    format: 1,
    index,
    // Address and device are encrypted under the key of whoever acted (see the event cipher).
    key: event.origin === undefined ? undefined : meta.actor.type === 'user' ? meta.actor.id : (event.subject ?? stream.tenant),
    origin: event.origin,
    outcome: failures.has(event.type) ? 'failure' : 'success',
    previous,
    reason: meta.reason,
    requestId: meta.requestId,
    subject: subjectOf(event),
    tenant: stream.tenant,
    traceId: meta.traceparent?.split('-')[1],
  }
}

/** The text that is stored, exported and hashed. */
export const canonicalText = (record: AuditRecord): string => canonicalize(record)
