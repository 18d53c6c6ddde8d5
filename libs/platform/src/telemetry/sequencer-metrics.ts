/** What the sequencers of a store report, whichever database it is on: a store that numbers its commits later than it takes them calls this. */
import { metrics } from './metrics.js'

const partitions = metrics.gauge('pavan_sequencer_partitions', {
  description: 'Partitions of the log of a service, each of which needs one sequencer among its copies.',
  unit: '{partition}',
  labels: ['service'],
})
const leases = metrics.gauge('pavan_sequencer_leases', {
  description: 'Partitions whose lease this copy holds.',
  unit: '{partition}',
  labels: ['service'],
})
const changes = metrics.counter('pavan_sequencer_lease_changes_total', {
  description: '`taken`: a free or expired lease; `lost`: another copy has it now; `released`: given back at the end; `fenced`: a rival numbered first.',
  unit: '{change}',
  labels: ['service', 'change'],
})
const delay = metrics.histogram('pavan_sequencer_delay_seconds', {
  description: 'Time from writing a commit to its place in the log.',
  unit: 's',
  labels: ['service'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
})

export interface WatchedSequencer {
  readonly service: string
  /** Partitions of the service's log. */
  readonly partitions: number
  /** How many of them this copy holds now. */
  held(): number
}

export interface SequencerMetrics {
  lease(change: 'taken' | 'lost' | 'released' | 'fenced'): void
  /** `seconds` from writing a commit to its place in the log. */
  numbered(seconds: number): void
  /** Reports no more. */
  stop(): void
}

export const watchSequencer = (watched: WatchedSequencer): SequencerMetrics => {
  const { service } = watched
  const stops = [partitions.observe((report) => report(watched.partitions, { service })), leases.observe((report) => report(watched.held(), { service }))]
  return {
    lease: (change) => changes.add(1, { service, change }),
    numbered: (seconds) => delay.record(Math.max(0, seconds), { service }),
    stop: () => stops.forEach((stop) => stop()),
  }
}
