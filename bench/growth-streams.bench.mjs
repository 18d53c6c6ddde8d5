// Appending to and reading one of 1,000,000 streams, against the same store with 10 of them.
import { join } from 'node:path'
import { load, median, quick, report, round, say, temporaryFolder } from './support/harness.mjs'
import { mongoServer, openMongo, option } from './support/servers.mjs'
import { openStore, sampleEvent } from './support/store.mjs'

const few = 10
const many = Number(option('streams', quick ? 20_000 : 1_000_000))
const mongoMany = Number(option('mongo-streams', quick ? 1_000 : 5_000))
const rounds = 3
const milliseconds = quick ? 700 : 2_000
/** As many as the few streams allow, on both sides. */
const writers = few / 2

/** Half of the streams is appended to, the other half has one event and is read: the length of a stream plays no part. */
const measureOn = (store, count) => {
  const versions = new Map()
  const idOf = (number) => `usr_${String(number).padStart(26, '0')}`
  const stream = (number) => ({ tenant: 'ten_bench', category: 'bench', id: idOf(number) })
  let made = 0
  const append = async (number) => {
    const expected = versions.get(number) ?? 0
    const { version } = await store.append(stream(number), [sampleEvent(made++)], { expected })
    if (version !== expected + 1) throw new Error(`version ${version} after ${expected}`)
    versions.set(number, version)
  }
  const half = count / 2
  /** Writers do not meet: each has its own share of the even numbers. */
  const mine = (worker) => 2 * (worker + writers * Math.floor((Math.random() * half) / writers))
  return {
    fill: async () => {
      let next = 0
      const started = performance.now()
      await Promise.all(
        Array.from({ length: 500 }, async () => {
          while (next < count) await append(next++)
        }),
      )
      say(`  ${count} streams after ${round((performance.now() - started) / 1000, 1)} s`)
    },
    append: (time) => load({ concurrency: writers, milliseconds: time, once: (worker) => append(mine(worker)) }),
    read: async (time) => {
      const once = async () => {
        const number = 2 * Math.floor(Math.random() * half) + 1
        const events = await store.read(stream(number))
        if (events.length !== 1 || events[0].stream.id !== idOf(number)) throw new Error(`${events.length} events of another stream`)
      }
      return load({ concurrency: 1, milliseconds: time, once })
    },
  }
}

const compareGrowth = async (name, small, large) => {
  await small.fill()
  await large.fill()
  const seen = { append: [], read: [] }
  for (const what of ['append', 'read']) {
    for (const side of [small, large]) await side[what](milliseconds)
    for (let index = 0; index < rounds; index++) {
      const before = process.cpuUsage()
      const limit = await small[what](milliseconds)
      const middle = process.cpuUsage(before)
      const ours = await large[what](milliseconds)
      const after = process.cpuUsage(before)
      const cpu = ((after.user + after.system - middle.user - middle.system) / 1e6 / ours.done) * 1000
      seen[what].push({ ours: ours.p50, limit: limit.p50, ratio: limit.p50 / ours.p50, p99: [limit.p99, ours.p99], cpu })
      say(
        `  ${name}, ${what} ${index + 1}: few ${round(limit.p50, 3)} ms (p99 ${round(limit.p99, 2)}), many ${round(ours.p50, 3)} ms (p99 ${round(ours.p99, 2)})`,
      )
    }
  }
  return (field) => ['append', 'read'].map((what) => median(seen[what].map((one) => one[field])))
}

const results = []
const folder = temporaryFolder()
const embedded = await Promise.all(['few', 'many'].map((name) => openStore(join(folder, name))))
results.push(await compareGrowth('embedded', ...embedded.map(({ store }, i) => measureOn(store, [few, many][i]))))
await Promise.all(embedded.map(({ close }) => close()))

if (!process.argv.includes('--embedded')) {
  const server = await mongoServer()
  const adapters = ['few', 'many'].map((prefix) => openMongo({ url: server.url, prefix }))
  const stores = await Promise.all(adapters.map(async (one) => (await one.portsFor('bench')).store))
  results.push(await compareGrowth('MongoDB', ...stores.map((store, i) => measureOn(store, [few, mongoMany][i]))))
  await Promise.all(adapters.map((one) => one.close()))
  await server.stop()
}

const all = (field) => results.flatMap((of) => of(field))
report('growth-streams', {
  ours: all('ours'),
  limit: all('limit'),
  ratio: all('ratio'),
  must: 0.85,
  aim: 0.95,
  cpuSecondsPer1000: all('cpu'),
  unit: 'ms, p50; the ratio is that of few streams by that of many',
  of: ['append, embedded', 'read, embedded', 'append, MongoDB', 'read, MongoDB'].slice(0, results.length * 2),
  streams: [few, many, ...(results.length > 1 ? [few, mongoMany] : [])],
  writers,
})
process.exit(0)
