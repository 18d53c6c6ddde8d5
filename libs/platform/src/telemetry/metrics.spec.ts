import { readExposition, sumOf, type Sample } from '../testing/exposition.js'
import { Metrics } from './metrics.js'
import { expose } from './prometheus.js'

/** Installs a meter; the result reads what it exposes. */
const exposed = async (metrics: Metrics): Promise<() => Promise<readonly Sample[]>> => {
  const handle = await expose(metrics)
  return () => new Promise((resolve) => handle({} as never, { setHeader: () => {}, end: (text: string) => resolve(readExposition(text)) } as never))
}

test('what was counted and measured before somebody asked is handed over once', async () => {
  const metrics = new Metrics()
  const counter = metrics.counter('things_total', { description: 'Things.', labels: ['kind'] })
  const seconds = metrics.histogram('work_seconds', { description: 'Work.', unit: 's', buckets: [1, 2] })
  for (let i = 0; i < 3; i++) counter.add(2, { kind: 'a' })
  counter.add(1, { kind: 'b' })
  seconds.record(1.5)
  const scrape = await exposed(metrics)
  counter.add(1, { kind: 'a' })
  seconds.record(0.5)
  for (const samples of [await scrape(), await scrape()]) {
    expect(sumOf(samples, 'things_total', { kind: 'a' })).toBe(7)
    expect(sumOf(samples, 'things_total', { kind: 'b' })).toBe(1)
    expect(sumOf(samples, 'work_seconds_bucket', { le: '1' })).toBe(1)
    expect(sumOf(samples, 'work_seconds_count')).toBe(2)
  }
})

test('a gauge asks everybody who observes it, waits for their answers, and forgets who has stopped', async () => {
  const metrics = new Metrics()
  const gauge = metrics.gauge('queue', { description: 'Waiting.', labels: ['service'] })
  gauge.observe((report) => report(3, { service: 'a' }))
  const scrape = await exposed(metrics)
  const stop = metrics.gauge('queue', { description: 'Waiting.' }).observe(async (report) => {
    await Promise.resolve()
    report(4, { service: 'b' })
  })
  expect(sumOf(await scrape(), 'queue')).toBe(7)
  stop()
  expect(sumOf(await scrape(), 'queue')).toBe(3)
})

test('the catalogue has the names that are exposed', async () => {
  const metrics = new Metrics()
  metrics.counter('a_total', { description: 'A.', unit: '{event}' }).add(1)
  metrics.histogram('b_seconds', { description: 'B.', unit: 's' }).record(1)
  metrics.gauge('c_bytes', { description: 'C.', unit: 'By' }).observe((report) => report(1))
  const names = new Set((await (await exposed(metrics))()).map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')))
  names.delete('target_info')
  expect([...names].sort()).toEqual(metrics.catalogue().map(({ name }) => name))
})
