/** How a service is that runs in several copies: each knows how far it is in its own partitions, and of those of the others only what it has met. */
import { total, type Lag } from '../telemetry/lag.js'
import type { ConsumerStanding, ServiceStatus } from './service-directory.js'

/** What the copies of a service say of themselves, as one. At least one has to say something. */
export const standingOf = (copies: readonly ServiceStatus[]): ServiceStatus => {
  const [first] = copies as [ServiceStatus]
  const names = new Set(copies.flatMap(({ consumers }) => consumers.map(({ name }) => name)))
  const relayError = copies.find(({ relay }) => relay.lastError !== undefined)?.relay.lastError
  const lastError = copies.find((copy) => copy.lastError !== undefined)?.lastError
  return {
    ...first,
    ready: copies.some(({ ready }) => ready),
    version: [...new Set(copies.map(({ version }) => version))].join(', '),
    // Each says of the partitions that it publishes.
    relay: { ...total(copies.map(({ relay }) => relay)), ...(relayError === undefined ? {} : { lastError: relayError }) },
    consumers: [...names].map((name) => consumerOf(copies.flatMap(({ consumers }) => consumers.filter((one) => one.name === name)))),
    ...(lastError === undefined ? {} : { lastError }),
  }
}

const consumerOf = (copies: readonly ConsumerStanding[]): ConsumerStanding => {
  const [first] = copies as [ConsumerStanding]
  const positions: Record<string, number> = {}
  for (const one of copies) for (const [place, seq] of Object.entries(one.positions ?? {})) positions[place] = Math.max(seq, positions[place] ?? 0)
  const behind = behindOf(copies)
  const lastError = copies.find((copy) => copy.lastError !== undefined)?.lastError
  return {
    ...first,
    positions,
    pending: copies.reduce((sum, { pending }) => sum + pending, 0),
    lag: total(Object.values(behind)),
    behind,
    // What is set aside lies in rows that all copies share: whoever has looked last knows the most of it.
    parked: copies.map(({ parked }) => parked).reduce((most, parked) => (parked.length > most.length ? parked : most)),
    ...(lastError === undefined ? {} : { lastError }),
  }
}

const nothing: Lag = { events: 0, seconds: 0 }

/** What no copy has done, by partition: of those that know of a partition, the one that believes it the least behind works on it. */
const behindOf = (copies: readonly ConsumerStanding[]): Record<string, Lag> => {
  const least = (place: string): Lag =>
    copies
      .filter(({ positions }) => positions?.[place] !== undefined)
      .map(({ behind }) => behind?.[place] ?? nothing)
      .reduce((less, lag) => (lag.events < less.events || (lag.events === less.events && lag.seconds < less.seconds) ? lag : less))
  const places = new Set(copies.flatMap(({ behind = {} }) => Object.keys(behind)))
  return Object.fromEntries([...places].map((place) => [place, least(place)] as const).filter(([, { events }]) => events > 0))
}
