/** What all services of a process share. */
import type { Clock } from '@pavan/kernel'
import type { KeyEncryptionKey } from '../privacy/kek.js'
import type { Log } from '../telemetry/log.js'
import type { Adapters } from './adapters.js'
import type { ServiceDirectory } from './service-directory.js'

export interface Environment {
  readonly adapters: Adapters
  readonly clock: Clock
  readonly directory: ServiceDirectory
  /** Environment variables; each service takes those that its `config` names. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly kek: KeyEncryptionKey
  readonly log: Log
  /** Number of proxies in front whose X-Forwarded-For is believed. */
  readonly trustProxy: number
  readonly version: string
}
