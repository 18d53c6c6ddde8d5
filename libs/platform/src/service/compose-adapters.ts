/** Adapters of two technologies as one: state from the first, events from the second. */
import type { Bus } from '../bus/bus.js'
import type { Finding } from './finding.js'
import type { Adapters, ServicePorts } from './adapters.js'

/** A technology that keeps state: stores, rows and keys of each service. */
export interface StateAdapters {
  readonly name: string
  /** Rows are shared by the copies of a service. */
  portsFor(service: string): Promise<Omit<ServicePorts, 'bus'>>
  check?(): Promise<readonly Finding[]>
  close(): Promise<void>
}

/** A technology that carries events. */
export interface BusAdapters {
  readonly name: string
  readonly bus: Bus
  check?(): Promise<readonly Finding[]>
  close(): Promise<void>
}

export const composeAdapters = (state: StateAdapters, carrier: BusAdapters): Adapters => ({
  name: `${state.name} and ${carrier.name}`,
  portsFor: async (service) => ({ ...(await state.portsFor(service)), bus: carrier.bus }),
  check: async () => (await Promise.all([state.check?.() ?? [], carrier.check?.() ?? []])).flat(),
  async close() {
    await carrier.close()
    await state.close()
  },
})
