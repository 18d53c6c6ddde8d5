/** Spans of what happens to an event after its commit (semantic conventions for messaging), as children of the trace that the event carries. */
import type { Attributes } from '@opentelemetry/api'
import type { RecordedEvent } from '@pavan/kernel'
import { tracing, type RunningSpan } from './tracing.js'

type Traced = Pick<RecordedEvent, 'at' | 'context' | 'id' | 'meta' | 'stream' | 'type'>

/** What is older, in milliseconds, is history that a view is built from again, not the end of a request. */
const history = 3_600_000

export const messageAttributes = (event: Traced, type: 'send' | 'process', batch: number): Attributes => ({
  'messaging.system': 'pavan',
  'messaging.destination.name': event.context,
  'messaging.operation.type': type,
  'messaging.message.id': event.id,
  ...(batch > 1 ? { 'messaging.batch.message_count': batch } : {}),
  'pavan.event.types': [event.type],
  'pavan.tenant': event.stream.tenant,
})

/** Nothing without tracing, for an event without a trace, and for history. */
export const spanOfEvent = (event: Traced, operation: string, kind: 'producer' | 'consumer', attributes: Attributes): RunningSpan | undefined => {
  const parent = event.meta.traceparent
  if (!tracing.source || parent === undefined || Date.now() - event.at > history) return undefined
  return tracing.source.start({ name: `${operation} ${event.context}`, kind, parent, attributes: { 'messaging.operation.name': operation, ...attributes } })
}
