/** What a store reports that several copies of a service share, whichever database it is on: who publishes which partition, and how long commits wait for their number. */
import { metrics } from './metrics.js'

const partitions = metrics.gauge('pavan_sequencer_partitions', {
  description: 'Partitions of the log of a service, each of which one of its copies has to hold and publish.',
  unit: '{partition}',
  labels: ['service'],
})
const leases = metrics.gauge('pavan_sequencer_leases', {
  description: 'Partitions whose lease this copy holds: it publishes them, and numbers what copies that are gone have left.',
  unit: '{partition}',
  labels: ['service'],
})
const takeovers = metrics.counter('pavan_sequencer_takeovers_total', {
  description: 'Partitions that this copy has taken, free ones and those of copies that are gone.',
  unit: '{partition}',
  labels: ['service'],
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
  /** A partition is held from now on. */
  taken(): void
  /** `seconds` from writing a commit to its place in the log. */
  numbered(seconds: number): void
  /** Reports no more. */
  stop(): void
}

export const watchSequencer = (watched: WatchedSequencer): SequencerMetrics => {
  const { service } = watched
  const stops = [partitions.observe((report) => report(watched.partitions, { service })), leases.observe((report) => report(watched.held(), { service }))]
  return {
    taken: () => takeovers.add(1, { service }),
    numbered: (seconds) => delay.record(Math.max(0, seconds), { service }),
    stop: () => stops.forEach((stop) => stop()),
  }
}
