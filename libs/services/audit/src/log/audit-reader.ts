/** Reads the log of one tenant: records opened for people, and the text that is hashed. */
import { Inject, Injectable } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import type { auditQuery } from '@pavan/contracts/audit/audit.contract.js'
import { EventCipher } from '@pavan/platform/privacy/event-cipher.js'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import { Rows, type FindQuery } from '@pavan/platform/views/rows.js'
import type { z } from 'zod'
import { auditHeads, auditRecords, recordKey, type HeadRow, type RecordRow } from './audit.tables.js'
import type { AuditRecord } from './audit-record.js'

type Query = z.output<typeof auditQuery>

/** From the fewest rows to the most. */
const indexes = [
  ['subject', 'bySubject'],
  ['actor', 'byActor'],
  ['outcome', 'byOutcome'],
  ['client', 'byClient'],
  ['type', 'byType'],
] as const

/** Rows that one page looks at when filters are combined; its `next` goes on where it stopped. */
const scanned = 5000

@Injectable()
export class AuditReader {
  readonly #cipher: EventCipher

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(KeyRing) keys: KeyRing,
  ) {
    this.#cipher = new EventCipher(keys)
  }

  head(tenant: string): Promise<HeadRow | undefined> {
    return this.rows.get(auditHeads, tenant)
  }

  async row(tenant: string, index: number): Promise<RecordRow> {
    const row = await this.rows.get(auditRecords, recordKey(tenant, index))
    if (!row) throw new RefusalError('audit.record.not-found', { size: (await this.head(tenant))?.size ?? 0 })
    return row
  }

  async search(tenant: string, query: Query) {
    const chosen = indexes.find(([field]) => query[field] !== undefined)
    const rest = indexes.filter(([field]) => field !== chosen?.[0] && query[field] !== undefined).map(([field]) => field)
    const range = { ...(query.from === undefined ? {} : { gte: query.from }), ...(query.to === undefined ? {} : { lt: query.to }) }
    const base: Omit<FindQuery<RecordRow>, 'limit'> = {
      index: chosen?.[1] ?? 'byTime',
      where: { tenant, ...(chosen ? { [chosen[0]]: query[chosen[0]] } : {}) },
      order: query.order,
      ...(Object.keys(range).length > 0 ? { range } : {}),
    }
    const found: RecordRow[] = []
    let { cursor } = query
    let looked = 0
    do {
      const page = await this.rows.find(auditRecords, { ...base, limit: query.limit - found.length, cursor })
      found.push(...page.items.filter((row) => rest.every((field) => row[field] === query[field])))
      looked += page.items.length
      cursor = page.next
    } while (cursor && found.length < query.limit && looked < scanned)
    return { items: await Promise.all(found.map((row) => this.open(row))), ...(cursor ? { next: cursor } : {}) }
  }

  /** The record as people read it. What was encrypted for somebody who is erased is absent. */
  async open(row: RecordRow) {
    const record = JSON.parse(row.record) as AuditRecord
    const { event } = record
    const [category = '', ...id] = event.stream.split('/')
    const sealed =
      record.origin === undefined
        ? undefined
        : {
            ...event,
            // The record keeps only a hash of the personal part.
            personal: undefined,
            id: event.id,
            stream: { tenant: record.tenant, category, id: id.join('/') },
            subject: record.key,
            at: record.at,
            origin: record.origin,
            data: {},
            meta: { actor: record.actor },
          }
    const origin = sealed && (await this.#cipher.open(sealed as never)).meta.origin
    return {
      index: record.index,
      event: event.id,
      type: event.type,
      context: event.context,
      stream: event.stream,
      position: event.position,
      at: record.at,
      actor: record.actor,
      subject: record.subject,
      client: record.client,
      address: origin?.address,
      device: origin?.device,
      reason: record.reason,
      requestId: record.requestId,
      traceId: record.traceId,
      outcome: record.outcome,
      data: record.data,
      hash: row.hash,
      previous: record.previous,
    }
  }

  /** The whole log as newline-delimited JSON, as it was when the reading began. */
  async *export(tenant: string): AsyncGenerator<string> {
    const size = (await this.head(tenant))?.size ?? 0
    yield `${JSON.stringify({ format: 'pavan-audit-log', version: 1, tenant, size })}\n`
    for (let index = 0; index < size;) {
      let lines = ''
      for (const end = Math.min(index + 200, size); index < end; index++) {
        const row = await this.rows.get(auditRecords, recordKey(tenant, index))
        // A missing row is left out: whoever verifies the export is to find it.
        if (row) lines += `${JSON.stringify({ index: row.index, hash: row.hash, record: row.record })}\n`
      }
      yield lines
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}
