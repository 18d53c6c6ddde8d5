// One view built again from 1,000,000 events while it is read (embedded; fewer on Kafka and MongoDB), against scan, parse and upsert alone.
import { setTimeout as pause } from 'node:timers/promises'
import { median, percentile, quick, report, round, say, temporaryFolder } from './support/harness.mjs'
import { option } from './support/servers.mjs'
import { embeddedView, mongoView } from './support/view-under-test.mjs'

const counts = { embedded: Number(option('events', quick ? 50_000 : 1_000_000)), mongo: Number(option('mongo-events', quick ? 4_000 : 20_000)) }
const rounds = quick ? 2 : 3
const readsPerSecond = 200

/** Reads at a steady rate until `over` resolves; each is timed from the moment when it was due, so that a busy thread counts. */
const readUntil = async (read, over) => {
  const times = []
  let going = true
  let failure
  const ended = over.finally(() => (going = false))
  const started = performance.now()
  for (let i = 0; going && !failure; i++) {
    const due = started + (i * 1000) / readsPerSecond
    if (due > performance.now()) await pause(due - performance.now())
    // Not waited for: the world outside does not wait either.
    read().then(
      () => times.push(performance.now() - due),
      (error) => (failure = error),
    )
  }
  await ended
  if (failure) throw failure
  return percentile(times, 0.99)
}

/** Milliseconds for a batch of the view, by events: for the simulation. */
let applyMs

const measure = async (name, view) => {
  const seen = []
  try {
    await view.check()
    await readUntil(view.read, pause(1000))
    for (let index = 0; index < rounds; index++) {
      let started = performance.now()
      await view.limit()
      const limit = view.events / ((performance.now() - started) / 1000)
      // What the limit has left to be collected and written back is not what reads were before.
      await readUntil(view.read, pause(quick ? 1_000 : 5_000))
      const before = await readUntil(view.read, pause(quick ? 2_000 : 5_000))
      const own = process.cpuUsage()
      started = performance.now()
      const during = await readUntil(view.read, view.rebuild())
      const ours = view.events / ((performance.now() - started) / 1000)
      const { user, system } = process.cpuUsage(own)
      await view.check()
      seen.push({ ours, limit, ratio: ours / limit, before, during, reads: during / before, cpu: ((user + system) / 1e6 / view.events) * 1000 })
      say(
        `  ${name}, round ${index + 1}: limit ${round(limit, 0)} events/s  ours ${round(ours, 0)} events/s  reads p99 ${round(before, 2)} ms before, ${round(during, 2)} ms during`,
      )
    }
    applyMs = await view.applyMs?.(quick ? 30 : 100)
  } finally {
    await view.close()
  }
  return (what) => median(seen.map((one) => one[what]))
}

const only = option('only')
say(`  events: ${counts.embedded} embedded, ${counts.mongo} on Kafka and MongoDB (--events, --mongo-events)`)
const results = {}
if (only !== 'mongo') results.embedded = await measure('embedded', await embeddedView(temporaryFolder(), counts.embedded))
if (only !== 'embedded') results.mongo = await measure('Kafka and MongoDB', await mongoView(counts.mongo))
const each = (what) => Object.values(results).map((of) => of(what))
const of = Object.keys(results)
report('rebuild', {
  ours: each('ours'),
  limit: each('limit'),
  ratio: [...each('ratio'), ...each('reads')],
  must: [...of.map(() => 0.25), ...of.map(() => 2)],
  aim: [...of.map(() => 0.5), ...of.map(() => 1.2)],
  cpuSecondsPer1000: each('cpu'),
  of: [...of.map((name) => `${name}: events/s`), ...of.map((name) => `${name}: p99 of reads during by before (smaller is better)`)],
  readMsP99Before: each('before'),
  readMsP99During: each('during'),
  ...(applyMs ? { applyMs } : {}),
  readsPerSecond,
  events: of.map((name) => counts[name]),
})
process.exit(0)
