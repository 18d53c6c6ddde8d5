// Durable appends by 64 writers to our event store on MongoDB, against bare insertOne (j: true) of the same commit document on the same server.
import { commitId, streamRef } from '../libs/adapters/mongo/dist/commit-doc.js'
import { durable, nonce } from '../libs/adapters/mongo/dist/database.js'
import { compare, load, median, quick, report, round, say } from './support/harness.mjs'
import { bareMongo, cpuOfTree, mongoServer, openMongo } from './support/servers.mjs'
import { sampleEvent } from './support/store.mjs'

const writers = 64
const partitions = 16
const server = await mongoServer()
const adapters = openMongo({ url: server.url, partitions })
const client = await bareMongo(server.url)
try {
  const { store } = await adapters.portsFor('bench')
  const bare = client.db('bare').collection('commits')
  await client.db('bare').createCollection('commits')
  // The store has a sparse index for what is not numbered yet, so the limit has it too.
  await bare.createIndex({ u: 1 }, { name: 'u', sparse: true })

  let made = 0
  const streamOf = (number) => ({ tenant: 'ten_bench', category: 'bench', id: `s${number}` })
  const documentOf = (number) => {
    const ref = streamRef(streamOf(number), partitions)
    const e = JSON.stringify([sampleEvent(number)])
    return { _id: commitId(ref.key, 0), s: ref.name, b: 0, n: 1, f: -1, p: ref.p, e, a: nonce(), u: ref.p }
  }
  const count = { ours: 0, limit: 0 }
  const insert = async () => {
    const { acknowledged, insertedId } = await bare.insertOne(documentOf(made++), { writeConcern: durable })
    if (!acknowledged || !insertedId) throw new Error('an insert was not acknowledged')
    count.limit++
  }
  const append = async () => {
    const number = made++
    const { version, position, repeated } = await store.append(streamOf(number), [sampleEvent(number)], { expected: 0 })
    if (version !== 1 || repeated || !(position.seq > 0)) throw new Error(`version ${version} at ${position.seq}: not what one append makes`)
    count.ours++
  }

  /** CPU of this process, which is client and store, and of the server, each by side. */
  const used = { ours: [], limit: [] }
  const side = (name, once) => ({
    run: async (milliseconds) => {
      const [own, theirs] = [process.cpuUsage(), cpuOfTree(server.pids)]
      const result = await load({ concurrency: writers, milliseconds, once })
      const { user, system } = process.cpuUsage(own)
      used[name].push({ client: ((user + system) / 1e6 / result.done) * 1000, server: ((cpuOfTree(server.pids) - theirs) / result.done) * 1000, ...result })
      return result
    },
  })

  const result = await compare({ ours: side('ours', append), limit: side('limit', insert) })

  // Nothing that was acknowledged is missing, and the log has every number once.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const db = client.db('bench_bench')
  const [stored, inserted] = await Promise.all([db.collection('commits').countDocuments(), bare.countDocuments()])
  const batches = await db.collection('log').find().toArray()
  const numbered = batches.reduce((sum, { c }) => sum + c.length, 0)
  if (stored !== count.ours || numbered !== count.ours || inserted !== count.limit)
    throw new Error(`acknowledged ${count.ours}, stored ${stored}, numbered ${numbered}; bare: acknowledged ${count.limit}, stored ${inserted}`)
  say(`  checked: ${stored} commits acknowledged, stored and numbered once; ${inserted} bare documents acknowledged and stored`)

  // One thing at a time on a server with nothing else to do: what the simulation of many copies takes for the time of an answer.
  const alone = async (once) => {
    const { p50, p99 } = await load({ concurrency: 1, milliseconds: quick ? 700 : 3_000, once })
    return [round(p50), round(p99)]
  }
  const log = client.db('bare').collection('log')
  await client.db('bare').createCollection('log')
  await log.createIndex({ c: 1 }, { name: 'c' })
  const batchOf = (number) => ({ _id: `00000:${String(number).padStart(15, '0')}`, p: 0, f: number, l: number, c: [`c${number}`], k: [1], a: nonce() })
  const storeMs = await alone(insert)
  const numberMs = await alone(() => log.insertOne(batchOf(made++), { writeConcern: durable }))
  const findMs = await alone(() =>
    log
      .find({ _id: { $gte: '00000:', $lt: '00000;' } })
      .sort({ _id: -1 })
      .limit(1)
      .toArray(),
  )

  const figure = (name, what) => median(used[name].slice(1).map((one) => one[what]))
  report('append-mongo', {
    ...result,
    must: 0.5,
    aim: 0.8,
    cpuSecondsPer1000: figure('ours', 'client'),
    limitCpuSecondsPer1000: figure('limit', 'client'),
    serverCpuSecondsPer1000: [figure('ours', 'server'), figure('limit', 'server')],
    appendMs: [figure('ours', 'p50'), figure('ours', 'p99')],
    insertMs: [figure('limit', 'p50'), figure('limit', 'p99')],
    storeMs,
    numberMs,
    findMs,
    bytesPerCommit: JSON.stringify(documentOf(made)).length,
    commitsPerLogBatch: round(numbered / batches.length, 2),
    writers,
    ...(quick ? { short: true } : {}),
  })
} finally {
  await client.close()
  await adapters.close()
  await server.stop()
}
process.exit(0)
