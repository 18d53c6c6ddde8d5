/** Services in a process of their own, without a gateway and without a log. */
import { SystemClock } from '@pavan/kernel'
import { LocalKeyEncryptionKey } from '../privacy/kek.js'
import type { Adapters } from '../service/adapters.js'
import type { ServiceDefinition } from '../service/define-service.js'
import { runServices, type Running } from '../service/run-services.js'
import { makeLog } from '../telemetry/log.js'

export const runAlone = (service: ServiceDefinition, adapters: Adapters, port = 0): Promise<Running> =>
  runServices({
    services: [service],
    adapters,
    port,
    host: '127.0.0.1',
    clock: new SystemClock(),
    env: {},
    kek: new LocalKeyEncryptionKey(new Uint8Array(32)),
    log: makeLog({ level: 'silent' }),
    trustProxy: 0,
    version: '9.9.9',
  })
