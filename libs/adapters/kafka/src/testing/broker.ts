/** The brokers of the specs: those of KAFKA_BROKERS, or one that is started for the spec file. */
import { randomUUID } from 'node:crypto'
import { makeLog } from '@pavan/platform/telemetry/log.js'
import { startKafka } from '../../../../../tools/services/kafka.mjs'
import type { KafkaOptions } from '../kafka-options.js'

/** Call it at the top of a spec file; the result makes options with a topic prefix of their own. */
export const useBroker = (): ((more?: Partial<KafkaOptions>) => KafkaOptions) => {
  let brokers = process.env['KAFKA_BROKERS']?.split(',') ?? []
  let own: Awaited<ReturnType<typeof startKafka>> | undefined
  beforeAll(async () => {
    if (brokers.length > 0) return
    own = await startKafka()
    brokers = own.brokers
  }, 300_000)
  afterAll(() => own?.stop())
  return (more) => ({
    brokers,
    prefix: `t${randomUUID().slice(0, 8)}`,
    log: makeLog({ level: process.env['LOG_LEVEL'] === 'debug' ? 'debug' : 'silent' }),
    maxWait: 25,
    ...more,
  })
}
