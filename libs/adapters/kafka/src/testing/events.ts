/** Events for the specs of the bus. */
import { makeLog } from '@pavan/platform/telemetry/log.js'
import type { StoredEvent } from '@pavan/platform/events/event-store.js'

export const event = (seq: number, more: Partial<StoredEvent> = {}): StoredEvent => ({
  id: `evt_${seq}`,
  type: 'thing.happened',
  schema: 1,
  context: 'identity',
  stream: { tenant: 'ten_a', category: 'thing', id: `thg_${seq % 10}` },
  version: Math.ceil(seq / 10),
  position: { p: 0, seq },
  at: 1_700_000_000_000 + seq,
  data: { seq },
  meta: { actor: { type: 'system', id: 'spec' } },
  ...more,
})

export const events = (from: number, to: number, more: Partial<StoredEvent> = {}): StoredEvent[] =>
  Array.from({ length: to - from + 1 }, (_, i) => event(from + i, more))

/** A log whose messages can be looked at. */
export const recordingLog = () => {
  const lines: string[] = []
  const log = makeLog({
    level: 'warn',
    format: 'json',
    destination: { write: (line: string) => void lines.push((JSON.parse(line) as { message: string }).message) },
  })
  return { log, lines }
}
