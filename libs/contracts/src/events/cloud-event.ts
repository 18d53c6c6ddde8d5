/** The envelope of a published event: CloudEvents 1.0.2 with the attributes of Pavan. Attribute names follow its rule: lower-case letters and digits. */
import { z } from 'zod'
import type { AnyEventType } from './define-event.js'

const ids = z.string().max(256)

export const cloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: ids.describe('Unique; a repetition of an event has the same id'),
  source: z
    .string()
    .regex(/^\/pavan\/.+$/)
    .describe('`/pavan/` and the context that wrote it'),
  type: ids,
  subject: z.string().describe('The stream within its tenant: category, slash, id'),
  time: z.iso.datetime({ precision: 3 }).describe('When, by the clock of the writer'),
  datacontenttype: z.literal('application/json'),
  dataschema: z.string().describe('`urn:pavan:event:`, the type, a colon, and the version of its schema'),
  tenant: ids,
  streamversion: z.int().positive().describe('Place in its stream, from 1 without gaps'),
  partition: z.int().nonnegative(),
  sequence: z.string().regex(/^\d+$/).describe('Place in its partition, dense from 1; drop what is not above the last one that you have seen'),
  keyowner: ids.optional().describe('Under whose key `personal` and `origin` are encrypted'),
  personal: z.string().optional().describe('Ciphertext of the personal part'),
  origin: z.string().optional().describe('Ciphertext of address and device'),
  actortype: z.string().describe('`user`, `client`, `system` or `anonymous`'),
  actorid: ids,
  client: ids.optional(),
  reason: z.string().optional(),
  commandid: z.string().optional(),
  requestid: z.string().optional(),
  traceparent: z.string().optional().describe('W3C Trace Context'),
  pavanextra: z.string().optional().describe('JSON of what a later version added'),
})

export const dataSchemaOf = (event: Pick<AnyEventType, 'type' | 'schema'>): string => `urn:pavan:event:${event.type}:${event.schema}`

/** JSON schema (draft 2020-12) of one event type as it lies on its topic. Fields may be added at any time: readers must let unknown ones pass. */
export const jsonSchemaOf = (event: AnyEventType): object => {
  const record = cloudEvent.extend({ type: z.literal(event.type), dataschema: z.literal(dataSchemaOf(event)), data: z.looseObject(event.data.shape) })
  const { $schema, ...schema } = z.toJSONSchema(record, { target: 'draft-2020-12', io: 'output', unrepresentable: 'any' })
  return { $schema, $id: dataSchemaOf(event), title: event.type, description: event.summary, ...schema }
}
