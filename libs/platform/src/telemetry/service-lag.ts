/** How far the relay and the consumers of a service are behind: for `/metrics`, `/readyz` and the console, measured when one of them asks. */
import type { Position } from '@pavan/kernel'
import { LagEstimate, type Lag } from './lag.js'
import { metrics } from './metrics.js'

export interface PartitionLag extends Lag {
  readonly context: string
  readonly partition: number
}

export interface ConsumerLag extends PartitionLag {
  /** `view:users`, `reaction:greet-people`; of a view only the generation that is read. */
  readonly consumer: string
}

export interface MeasuredLag {
  readonly relay: readonly PartitionLag[]
  readonly consumers: readonly ConsumerLag[]
}

/** What is followed. */
export interface Followed {
  readonly service: string
  /** Last position of each partition of a context on the bus. */
  heads(context: string): Promise<readonly Position[]>
  /** The partitions that this copy publishes. */
  published(): readonly { readonly p: number; readonly head: number; readonly published: number }[]
  consumers(): readonly { readonly name: string; readonly positions?: Readonly<Record<string, number>>; readonly parked: readonly unknown[] }[]
}

const perConsumer = ['service', 'consumer', 'context', 'partition']
const relayEvents = metrics.gauge('pavan_relay_lag_events', {
  description: 'Events that are in the store and not on the bus, of the partitions that this copy publishes.',
  unit: '{event}',
  labels: ['service', 'partition'],
})
const relaySeconds = metrics.gauge('pavan_relay_lag_seconds', {
  description: 'For how long the oldest event that is not on the bus has been waiting.',
  unit: 's',
  labels: ['service', 'partition'],
})
const consumerEvents = metrics.gauge('pavan_consumer_lag_events', {
  description: 'Events on the bus that a view or reaction has not done. Of several copies of a service the lowest value holds.',
  unit: '{event}',
  labels: perConsumer,
})
const consumerSeconds = metrics.gauge('pavan_consumer_lag_seconds', {
  description: 'For how long the oldest event that a view or reaction has not done has been waiting. Of several copies the lowest value holds.',
  unit: 's',
  labels: perConsumer,
})
const parkedStreams = metrics.gauge('pavan_parked_streams', {
  description: 'Streams that a view or reaction has set aside because an event could not be processed.',
  unit: '{stream}',
  labels: ['service', 'consumer'],
})

/** One look serves everybody who asks within this time, in milliseconds. */
const oneLook = 500
/** A bus that does not answer in this time has the heads that it had. */
const patience = 2_000

/** The name of a view's consumer without its generation. */
export const consumerLabel = (name: string): string => name.replace(/@.*$/, '')

export class ServiceLag {
  readonly #estimates = new Map<string, LagEstimate>()
  readonly #heads = new Map<string, readonly Position[]>()
  readonly #stops: (() => void)[]
  #look: { readonly at: number; readonly result: Promise<MeasuredLag> } | undefined

  constructor(private readonly followed: Followed) {
    const { service } = followed
    const ofRelay = (one: PartitionLag) => ({ service, partition: one.partition })
    const ofConsumer = ({ consumer, context, partition }: ConsumerLag) => ({ service, consumer, context, partition })
    this.#stops = [
      relayEvents.observe(async (report) => (await this.measure()).relay.forEach((one) => report(one.events, ofRelay(one)))),
      relaySeconds.observe(async (report) => (await this.measure()).relay.forEach((one) => report(one.seconds, ofRelay(one)))),
      consumerEvents.observe(async (report) => (await this.measure()).consumers.forEach((one) => report(one.events, ofConsumer(one)))),
      consumerSeconds.observe(async (report) => (await this.measure()).consumers.forEach((one) => report(one.seconds, ofConsumer(one)))),
      parkedStreams.observe((report) => followed.consumers().forEach(({ name, parked }) => report(parked.length, { service, consumer: consumerLabel(name) }))),
    ]
  }

  /** Never rejects. */
  measure(): Promise<MeasuredLag> {
    const now = performance.now()
    if (!this.#look || now - this.#look.at > oneLook) this.#look = { at: now, result: this.#measure() }
    return this.#look.result
  }

  async #measure(): Promise<MeasuredLag> {
    const positions = this.followed.consumers().flatMap(({ name, positions: done = {} }) =>
      Object.entries(done).map(([place, seq]) => {
        const [context = '', partition] = place.split(':')
        return { consumer: consumerLabel(name), context, partition: Number(partition), seq }
      }),
    )
    await Promise.all([...new Set(positions.map(({ context }) => context))].map((context) => this.#lookAt(context)))
    const relay = this.followed.published().map(({ p, head, published }) => ({
      context: this.followed.service,
      partition: p,
      ...this.#estimate(`relay/${p}`, head, published),
    }))
    const consumers = positions.map(({ seq, ...place }) => {
      const head = this.#heads.get(place.context)?.find(({ p }) => p === place.partition)?.seq ?? 0
      return { ...place, ...this.#estimate(`${place.consumer}/${place.context}/${place.partition}`, head, seq) }
    })
    return { relay, consumers }
  }

  #estimate(key: string, head: number, done: number): Lag {
    const estimate = this.#estimates.get(key) ?? new LagEstimate()
    this.#estimates.set(key, estimate)
    return estimate.look(head, done, performance.now())
  }

  async #lookAt(context: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, patience, undefined)))
    const heads = await Promise.race([this.followed.heads(context).catch(() => undefined), late])
    clearTimeout(timer)
    if (heads) this.#heads.set(context, heads)
  }

  close(): void {
    for (const stop of this.#stops) stop()
  }
}
