/** What operators see of partitions and leases: together the copies hold every partition, and a copy that is gone is replaced. */
import { ManualClock } from '@pavan/kernel'
import { prometheus } from '@pavan/platform/telemetry/prometheus.js'
import { readExposition, sumOf, type Sample } from '@pavan/platform/testing/exposition.js'
import { until } from '@pavan/platform/testing/until.js'
import { scratch } from './testing/scratch.js'
import { whereMongo } from './testing/where-mongo.js'

const partitions = 4
const service = 'identity'

const scrape = async (): Promise<readonly Sample[]> => {
  const handle = await prometheus()
  return new Promise((resolve) => handle({} as never, { setHeader: () => {}, end: (text: string) => resolve(readExposition(text)) } as never))
}

whereMongo('the metrics of partitions on MongoDB', (url) => {
  test('every partition is held, commits wait measurably for their number, and a closed store reports nothing', async () => {
    const { adapters, close } = scratch({ url, clock: new ManualClock(), partitions, databases: [service] })
    try {
      const { store } = await adapters.portsFor(service)
      await until(() => store.owned().length === partitions, 'the leases')
      const before = await scrape()
      expect(sumOf(before, 'pavan_sequencer_partitions', { service })).toBe(partitions)
      expect(sumOf(before, 'pavan_sequencer_leases', { service })).toBe(partitions)
      expect(sumOf(before, 'pavan_sequencer_takeovers_total', { service })).toBe(partitions)
      const event = { id: 'evt_1', type: 'note.written', schema: 1, at: 0, data: {}, meta: { actor: { type: 'system', id: 'spec' } } } as const
      await store.append({ tenant: 'ten_a', category: 'note', id: 'n1' }, [event], { expected: 0 })
      expect(sumOf(await scrape(), 'pavan_sequencer_delay_seconds_count', { service })).toBe(1)
    } finally {
      await close()
    }
    expect((await scrape()).filter(({ name }) => /^pavan_sequencer_(leases|partitions)$/.test(name))).toEqual([])
  })
})
