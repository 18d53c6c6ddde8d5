/** What the runner asks of a technology: the four ports for each service. */
import type { Bus } from '../bus/bus.js'
import type { EventStore } from '../events/event-store.js'
import type { SubjectKeyStore } from '../privacy/subject-key-store.js'
import type { Finding } from './finding.js'
import type { Rows } from '../views/rows.js'

export interface ServicePorts {
  readonly store: EventStore
  readonly rows: Rows
  readonly bus: Bus
  readonly keys: SubjectKeyStore
}

export interface Adapters {
  /** `embedded` or `distributed`: for the log and `/readyz` only; no code may branch on it. */
  readonly name: string
  /** Ports of one service; each service has a store and rows of its own. */
  portsFor(service: string): Promise<ServicePorts>
  /** Leaves no deleted byte behind, where the files are ours: empties every log and rewrites every file. */
  checkpointAndVacuum?(): Promise<void>
  /** What is wrong with the surroundings, in words. An error prevents the start. */
  check?(): Promise<readonly Finding[]>
  close(): Promise<void>
}
