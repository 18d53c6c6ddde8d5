/** Rows that count are several for each count: partitions are worked on side by side, and one row for all of them is one that all of them wait for. */
import { keyOf } from '@pavan/platform/views/changes.js'
import type { RecordedEvent } from '@pavan/kernel'

/** At most so many rows for each count. Whoever reads adds them up. */
const most = 8

/** Key of the row that counts an event. */
export const countKey = ({ stream, position }: Pick<RecordedEvent, 'stream' | 'position'>, ...parts: readonly (string | number)[]): string =>
  keyOf(stream.tenant, ...parts, position.p % most)
