/**
 * A stored event as a CloudEvents 1.0 record in structured JSON (CNCF CloudEvents specification 1.0.2, Kafka protocol binding §3.3), and back.
 * Extension attributes are lower-case and simple values, so `meta` is flat; what a later version adds to an event rides along in `pavanextra`.
 */
import { streamName, type EventMeta, type Position } from '@pavan/kernel'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'

export interface KafkaRecord {
  readonly key: string
  readonly value: string
  readonly partition: number
  readonly headers: Readonly<Record<string, string>>
}

type Attributes = Record<string, unknown>

export const encode = (event: StoredEvent): KafkaRecord => {
  const { id, type, schema, context, stream, version, position, subject, at, data, personal, secret: _never, origin, meta, ...rest } = event
  const { actor, client, reason, commandId, requestId, traceparent, ...restOfMeta } = meta
  const extra = { ...(isEmpty(rest) ? {} : { event: rest }), ...(isEmpty(restOfMeta) ? {} : { meta: restOfMeta }) }
  const attributes: Attributes = {
    specversion: '1.0',
    id,
    source: `/pavan/${context}`,
    type,
    subject: `${stream.category}/${stream.id}`,
    time: new Date(at).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `urn:pavan:event:${type}:${schema}`,
    tenant: stream.tenant,
    streamversion: version,
    partition: position.p,
    // The sequence extension of CloudEvents is a string: it outgrows 32 bits.
    sequence: String(position.seq),
    keyowner: subject,
    personal,
    origin,
    actortype: actor.type,
    actorid: actor.id,
    client,
    reason,
    commandid: commandId,
    requestid: requestId,
    traceparent,
    pavanextra: isEmpty(extra) ? undefined : JSON.stringify(extra),
    data,
  }
  return {
    key: streamName(stream),
    value: JSON.stringify(attributes),
    partition: position.p,
    headers: {
      'content-type': 'application/cloudevents+json; charset=UTF-8',
      p: String(position.p),
      seq: String(position.seq),
      stream: streamName(stream),
      version: String(version),
      type,
      tenant: stream.tenant,
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  }
}

/** The event of a record; a string says what is wrong with the record. Unknown types and newer schemas pass: the platform decides about them. */
export const decode = (value: Buffer | null): StoredEvent | string => {
  let record: Attributes
  try {
    record = JSON.parse(value?.toString('utf8') ?? '') as Attributes
  } catch {
    return 'it is not JSON'
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'it is not an object'
  if (record['specversion'] !== '1.0') return 'it is not a CloudEvent 1.0'
  const missing = required.find((name) => typeof record[name] !== 'string')
  if (missing) return `its attribute ${missing} is missing or no text`
  const subject = record['subject'] as string
  const slash = subject.indexOf('/')
  const schema = Number(/^urn:pavan:event:.*:(\d+)$/.exec(record['dataschema'] as string)?.[1])
  const at = Date.parse(record['time'] as string)
  const position: Position = { p: record['partition'] as number, seq: Number(record['sequence']) }
  if (slash < 0 || !(record['source'] as string).startsWith('/pavan/') || !isCount(schema) || Number.isNaN(at)) return 'its attributes are not those of Pavan'
  if (!isCount(position.p) || !isCount(position.seq) || !isCount(record['streamversion'])) return 'its position is not a number'
  return assemble(record, { schema, at, position, category: subject.slice(0, slash), id: subject.slice(slash + 1) })
}

const decoded = new WeakMap<object, StoredEvent | string>()

/** The same, once for a record: groups that hear the same record share its event. Nobody changes an event. */
export const eventOf = (record: { readonly value: Buffer | null }): StoredEvent | string => {
  const known = decoded.get(record)
  if (known !== undefined) return known
  const event = decode(record.value)
  decoded.set(record, event)
  return event
}

const required = ['id', 'source', 'type', 'subject', 'time', 'dataschema', 'tenant', 'sequence', 'actortype', 'actorid']
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isEmpty = (value: object): boolean => Object.keys(value).length === 0

interface Parts {
  readonly schema: number
  readonly at: number
  readonly position: Position
  readonly category: string
  readonly id: string
}

const assemble = (record: Attributes, { schema, at, position, category, id }: Parts): StoredEvent | string => {
  let extra: { event?: object; meta?: object } = {}
  try {
    if (typeof record['pavanextra'] === 'string') extra = JSON.parse(record['pavanextra']) as typeof extra
  } catch {
    return 'its attribute pavanextra is not JSON'
  }
  const meta = {
    actor: { type: record['actortype'], id: record['actorid'] } as EventMeta['actor'],
    ...given('client', record['client']),
    ...given('reason', record['reason']),
    ...given('commandId', record['commandid']),
    ...given('requestId', record['requestid']),
    ...given('traceparent', record['traceparent']),
    ...extra.meta,
  }
  return {
    id: record['id'] as string,
    type: record['type'] as string,
    schema,
    context: (record['source'] as string).slice('/pavan/'.length),
    stream: { tenant: record['tenant'] as string, category, id },
    version: record['streamversion'] as number,
    position,
    at,
    ...given('subject', record['keyowner']),
    ...given('data', record['data']),
    ...given('personal', record['personal']),
    ...given('origin', record['origin']),
    meta,
    ...extra.event,
  } as StoredEvent
}

const given = (name: string, value: unknown): object => (value === undefined ? {} : { [name]: value })
