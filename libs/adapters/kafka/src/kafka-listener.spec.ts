import { startKafka } from '../../../../tools/services/kafka.mjs'
import { freePort } from '../../../../tools/services/process.mjs'
import { kafkaBus } from './index.js'
import { recordingLog } from './testing/events.js'

test('the check names a broker that calls itself by an address that cannot be reached', async () => {
  const away = await freePort()
  const kafka = await startKafka({ advertised: `127.0.0.1:${away}` })
  const adapters = kafkaBus({ brokers: kafka.brokers, prefix: 'p', log: recordingLog().log, timeout: 3_000 })
  expect(await adapters.check({ contexts: ['identity'], partitions: 1 })).toEqual([
    {
      level: 'error',
      sentence: `${kafka.brokers[0]} answers, but the broker calls itself 127.0.0.1:${away}, and nothing answers there from this machine.`,
      remedy: expect.stringContaining('advertised.listeners'),
    },
  ])
  await adapters.close()
  await kafka.stop()
}, 60_000)
