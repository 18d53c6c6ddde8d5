// Durable appends: one by one and by 64 writers, against node:sqlite with synchronous=FULL and time-ordered keys writing the same rows.
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { median, quick, report, round, say, temporaryFolder } from './support/harness.mjs'
import { openStore, sampleEvent } from './support/store.mjs'

const folder = temporaryFolder()
const rounds = quick ? 3 : 7
const milliseconds = quick ? 1500 : 5000

/** The limit: one table, one prepared insert, the same bytes, a batch a transaction. */
const bare = (file) => {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE event (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID')
  const insert = db.prepare('INSERT INTO event (id, body) VALUES (?, ?)')
  let count = 0
  return {
    db,
    batch: (size) => {
      db.exec('BEGIN IMMEDIATE')
      for (let index = 0; index < size; index++) {
        const event = sampleEvent(count++)
        insert.run(event.id, JSON.stringify(event))
      }
      db.exec('COMMIT')
    },
  }
}

const limit = bare(join(folder, 'bare.db'))
const { append, close } = await openStore(join(folder, 'ours'))
let stream = 0

const runLimit = (size) => {
  const started = performance.now()
  let done = 0
  while (performance.now() - started < milliseconds) {
    limit.batch(size)
    done += size
  }
  return done / ((performance.now() - started) / 1000)
}
const runOurs = async (writers) => {
  const started = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() - started < milliseconds) {
        const number = stream++
        const { version } = await append(`s${number}`, sampleEvent(number))
        if (version !== 1) throw new Error(`expected version 1, got ${version}`)
        done++
      }
    }),
  )
  return done / ((performance.now() - started) / 1000)
}

const measure = async (writers) => {
  runLimit(writers)
  await runOurs(writers)
  const ours = []
  const limits = []
  const cpu = []
  for (let index = 0; index < rounds; index++) {
    limits.push(runLimit(writers))
    const before = process.cpuUsage()
    const rate = await runOurs(writers)
    const used = process.cpuUsage(before)
    cpu.push(((used.user + used.system) / 1e6 / ((rate * milliseconds) / 1000)) * 1000)
    ours.push(rate)
    say(`  ${writers} writers, round ${index + 1}: limit ${round(limits.at(-1), 0)}/s  ours ${round(rate, 0)}/s`)
  }
  return { ours: median(ours), limit: median(limits), ratio: median(ours.map((rate, index) => rate / limits[index])), cpuSecondsPer1000: median(cpu) }
}

const one = await measure(1)
const many = await measure(64)
await close()
const both = (name) => [one[name], many[name]]
report('append', {
  ours: both('ours'),
  limit: both('limit'),
  ratio: both('ratio'),
  must: [0.8, 0.25],
  aim: [0.95, 0.5],
  cpuSecondsPer1000: both('cpuSecondsPer1000'),
})
process.exit(0)
