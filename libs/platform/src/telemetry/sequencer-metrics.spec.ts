import { readExposition, sumOf, type Sample } from '../testing/exposition.js'
import { prometheus } from './prometheus.js'
import { watchSequencer } from './sequencer-metrics.js'

test('what a sequencer reports is shown for its service, and no more once it has stopped', async () => {
  let held = 3
  const sequencer = watchSequencer({ service: 'spec-store', partitions: 16, held: () => held })
  sequencer.taken()
  sequencer.taken()
  sequencer.numbered(0.02)
  sequencer.numbered(-0.5) // clocks of two machines
  const labels = { service: 'spec-store' }
  const handle = await prometheus()
  const scrape = () =>
    new Promise<readonly Sample[]>((resolve) => handle({} as never, { setHeader: () => {}, end: (text: string) => resolve(readExposition(text)) } as never))
  const samples = await scrape()
  expect(sumOf(samples, 'pavan_sequencer_partitions', labels)).toBe(16)
  expect(sumOf(samples, 'pavan_sequencer_leases', labels)).toBe(3)
  expect(sumOf(samples, 'pavan_sequencer_takeovers_total', labels)).toBe(2)
  expect(sumOf(samples, 'pavan_sequencer_delay_seconds_count', labels)).toBe(2)
  expect(sumOf(samples, 'pavan_sequencer_delay_seconds_sum', labels)).toBeCloseTo(0.02)
  held = 0
  expect(sumOf(await scrape(), 'pavan_sequencer_leases', labels)).toBe(0)
  sequencer.stop()
  expect((await scrape()).filter(({ name }) => name === 'pavan_sequencer_leases')).toEqual([])
})
