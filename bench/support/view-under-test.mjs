/** One view of the product, the list of role assignments, over a log and rows of either technology: filled, built, read, and built again beside itself. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import kafkajs from 'kafkajs'
import { SystemClock } from '../../libs/kernel/dist/clock.js'
import { sqlOf, indexSql, columnsOf } from '../../libs/adapters/sqlite/dist/row-shape.js'
import { shapeOf as sqliteShape } from '../../libs/adapters/sqlite/dist/row-encoding.js'
import { sqliteAdapters } from '../../libs/adapters/sqlite/dist/sqlite-adapters.js'
import { imageOf, mongoIndexes, shapeOf as mongoShape } from '../../libs/adapters/mongo/dist/row-shape.js'
import { acknowledged } from '../../libs/adapters/mongo/dist/database.js'
import { idOf } from '../../libs/adapters/mongo/dist/ordered-text.js'
import { calmQueues } from '../../libs/adapters/kafka/dist/kafkajs-internals.js'
import { BusTransport } from '../../libs/platform/dist/bus/bus-transport.js'
import { parkedEvents } from '../../libs/platform/dist/bus/parked-events.js'
import { Relay } from '../../libs/platform/dist/events/relay.js'
import { BlindIndex } from '../../libs/platform/dist/privacy/blind-index.js'
import { EventCipher } from '../../libs/platform/dist/privacy/event-cipher.js'
import { LocalKeyEncryptionKey } from '../../libs/platform/dist/privacy/kek.js'
import { KeyRing } from '../../libs/platform/dist/privacy/key-ring.js'
import { PrivateRows } from '../../libs/platform/dist/privacy/private-rows.js'
import { put } from '../../libs/platform/dist/views/changes.js'
import { LiveTables, MappedRows } from '../../libs/platform/dist/views/live-tables.js'
import { Views } from '../../libs/platform/dist/views/views.js'
import { assignmentIdOf, assignments, assignmentsView } from '../../libs/services/authorization/dist/assignment/assignments.view.js'
import { percentile } from './harness.mjs'
import { bareMongo, benchKey, bothServers, openBus, openMongo, quietLog } from './servers.mjs'

const context = 'authorization'
const tenant = 'ten_bench'
const perSubject = 1_000
const partitions = 16
const subjectOf = (number) => `usr_${String(number).padStart(26, '0')}`

const assigned = (number, assignee, role) => ({
  id: `evt_${String(number).padStart(26, '0')}`,
  type: 'role.assigned',
  schema: 1,
  at: 1_790_000_000_000 + number,
  data: { assignee, role },
  meta: { actor: { type: 'system', id: 'bench' } },
})

/** So many events, a subject's 1,000 roles one after the other, as people assign them: the product's own append, and its relay. */
const fill = async (ports, events) => {
  let next = 0
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      while (next < events / perSubject) {
        const number = next++
        const assignee = subjectOf(number)
        for (let i = 0; i < perSubject; i++) {
          const event = assigned(number * perSubject + i, assignee, `role-${i}`)
          const { version } = await ports.store.append({ tenant, category: 'assignment', id: assignee }, [event], { expected: i })
          if (version !== i + 1) throw new Error(`version ${version} after ${i + 1} events`)
        }
      }
    }),
  )
  const relay = new Relay(context, ports.store, ports.bus, quietLog())
  await relay.start()
  if (relay.lastError) throw new Error(relay.lastError)
  await relay.close()
}

/** The view as a service runs it, live from its first event on; resolves when it has all of them. */
const runView = async (ports) => {
  const keys = new KeyRing(ports.keys, new LocalKeyEncryptionKey(new Uint8Array(32)))
  const own = new PrivateRows(ports.rows, keys)
  const live = new LiveTables()
  const transport = new BusTransport(ports.bus, context)
  await ports.rows.open([parkedEvents])
  const views = new Views([assignmentsView], own, live, new EventCipher(keys), transport, quietLog(), async () => new BlindIndex(benchKey), 'bench')
  await transport.listen(() => {})
  await views.start()
  await views.rebuild(assignmentsView.name)
  return { views, transport, rows: new MappedRows(own, (table) => live.of(table)) }
}

const common = async (ports, events) => {
  await fill(ports, events)
  const { views, transport, rows } = await runView(ports)
  const subjects = Math.ceil(events / perSubject)
  const page = { index: 'bySubject', limit: 50 }
  const find = async (subject) => rows.find(assignments, { ...page, where: { tenant, subject } })
  return {
    events: subjects * perSubject,
    /** A page of one subject's assignments; throws when it is not what it must be. */
    read: async () => {
      const subject = subjectOf(Math.floor(Math.random() * subjects))
      const { items } = await find(subject)
      if (items.length !== page.limit || items.some((row) => row.subject !== subject)) throw new Error(`${items.length} rows of a subject that has more`)
    },
    rebuild: () => views.rebuild(assignmentsView.name),
    /** Every subject has each of its roles once. */
    check: async () => {
      for (const number of [0, subjects >> 1, subjects - 1]) {
        const roles = new Set()
        for (let cursor; ;) {
          const { items, next } = await rows.find(assignments, { index: 'bySubject', where: { tenant, subject: subjectOf(number) }, limit: 500, cursor })
          for (const { role } of items) roles.add(role)
          if (!(cursor = next)) break
        }
        if (roles.size !== perSubject) throw new Error(`a subject has ${roles.size} roles, not ${perSubject}`)
      }
    },
    end: async () => {
      await transport.close()
      await views.close()
    },
  }
}

/** What the view's handler makes of an event, by hand. */
const rowOf = ({ data, stream, at, position }) => {
  const id = assignmentIdOf(data.assignee, data)
  return {
    key: JSON.stringify([stream.tenant, id]),
    row: { tenant: stream.tenant, id, subject: data.assignee, role: data.role, assignedAt: at, seq: position.seq },
  }
}

export const embeddedView = async (folder, events) => {
  const adapters = sqliteAdapters({ folder, clock: new SystemClock(), claimKey: benchKey })
  const view = await common(await adapters.portsFor(context), events)
  let turn = 0
  return {
    ...view,
    /** Scan, parse and upsert alone: two connections of node:sqlite, a transaction for 500 events, the same columns and indexes. */
    limit: async () => {
      const source = new DatabaseSync(join(folder, context, 'store.db'), { readOnly: true })
      const target = new DatabaseSync(join(folder, `limit-${turn++}.db`))
      const shape = { ...sqliteShape(assignments), table: 'rows' }
      target.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=0')
      for (const sql of [sqlOf(shape).create, ...indexSql(shape)]) target.exec(sql)
      const put = target.prepare(sqlOf(shape).put)
      let done = 0
      for (const { seq, stream, events: text } of source.prepare('SELECT seq, stream, events FROM commits ORDER BY seq').iterate()) {
        const [tenant] = stream.split('/')
        const some = JSON.parse(text)
        for (const [at, event] of some.entries()) {
          if (done % 500 === 0) target.exec(done === 0 ? 'BEGIN' : 'COMMIT; BEGIN')
          const { key, row } = rowOf({ ...event, stream: { tenant }, position: { p: 0, seq: seq - some.length + 1 + at } })
          put.run(key, JSON.stringify(row), Number.MAX_SAFE_INTEGER, ...columnsOf(shape, row))
          done++
        }
      }
      target.exec('COMMIT')
      const { count } = target.prepare('SELECT count(*) AS count FROM rows').get()
      source.close()
      target.close()
      if (done !== view.events || count !== view.events) throw new Error(`${done} events made ${count} rows, not ${view.events}`)
    },
    close: async () => {
      await view.end()
      await adapters.close()
    },
  }
}

/** Store, rows and bus of the context on Kafka and MongoDB, under names of their own. */
const onServers = async (prefix) => {
  calmQueues()
  const servers = await bothServers()
  const adapters = openMongo({ url: servers.mongo.url, prefix, partitions })
  const carrier = await openBus({ brokers: servers.kafka.brokers, prefix, contexts: [context], partitions })
  const close = async () => {
    await carrier.close()
    await adapters.close()
    await servers.stop()
  }
  return { servers, ports: { ...(await adapters.portsFor(context)), bus: carrier.bus }, close }
}

export const mongoView = async (events) => {
  const { servers, ports, close } = await onServers('rebuild')
  const client = await bareMongo(servers.mongo.url)
  const view = await common(ports, events)
  let turn = 0
  return {
    ...view,
    /** One batch after the other with its checkpoint, of one event and of 100: median and 99th percentile of one, and what each further event adds. */
    applyMs: async (times) => {
      const { rows } = ports
      let from = 0
      const timed = async (count, repeat) => {
        const taken = []
        for (let turn = 0; turn < repeat; turn++) {
          const changes = Array.from({ length: count }, (_, i) => {
            const at = 1_790_000_000_000
            const event = { data: { assignee: subjectOf(from), role: `other-${i}` }, stream: { tenant }, at, position: { p: 0, seq: from + i } }
            return put(assignments, ...Object.values(rowOf(event)))
          })
          const started = performance.now()
          const { applied } = await rows.apply(changes, { consumer: 'alone', context, p: 0, from, to: from + count, durability: 'rebuildable' })
          if (!applied) throw new Error('a batch was not applied')
          taken.push(performance.now() - started)
          from += count
        }
        return [0.5, 0.99].map((share) => Number(percentile(taken, share).toFixed(3)))
      }
      await rows.open([assignments])
      const [base, long] = [await timed(1, times), await timed(100, Math.ceil(times / 5))]
      return { base, each: Number((Math.max(0, long[0] - base[0]) / 99).toFixed(4)) }
    },
    /** A bare consumer, and a bulk of upserts for what it brings, into a collection with the same indexes. */
    limit: async () => {
      const number = turn++
      const shape = mongoShape(assignments)
      const target = client.db('limit').collection(`rows-${number}`)
      await target.createIndexes(mongoIndexes(shape))
      const consumer = new kafkajs.Kafka({ brokers: servers.kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).consumer({ groupId: `limit-${number}` })
      await consumer.connect()
      await consumer.subscribe({ topics: [`rebuild.${context}.v1`], fromBeginning: true })
      let done = 0
      await new Promise((resolve, reject) => {
        const eachBatch = async ({ batch: { messages } }) => {
          for (let i = 0; i < messages.length; i += 500) {
            const changes = messages.slice(i, i + 500).map(({ value }) => {
              const { tenant: of, partition, sequence, time, data } = JSON.parse(value)
              const event = { data, stream: { tenant: of }, at: Date.parse(time), position: { p: partition, seq: Number(sequence) } }
              const { key, row } = rowOf(event)
              return { replaceOne: { filter: { _id: idOf(key) }, replacement: { _id: idOf(key), ...imageOf(shape, key, row) }, upsert: true } }
            })
            await target.bulkWrite(changes, { ordered: false, writeConcern: acknowledged })
            done += changes.length
          }
          if (done >= view.events) resolve()
        }
        consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 8, eachBatch: (payload) => eachBatch(payload).catch(reject) }).catch(reject)
      })
      await consumer.disconnect()
      const count = await target.countDocuments()
      if (done !== view.events || count !== view.events) throw new Error(`${done} events made ${count} documents, not ${view.events}`)
      await target.drop()
    },
    close: async () => {
      await view.end()
      await client.close()
      await close()
    },
  }
}

/** The view as it follows the log of a service that goes on writing: one process appends, publishes, applies and answers, as a copy of the service does. */
export const followingView = async () => {
  const { servers, ports, close } = await onServers('lag')
  const relay = new Relay(context, ports.store, ports.bus, quietLog())
  await relay.start()
  const { views, transport, rows } = await runView(ports)
  let made = 0
  return {
    servers,
    /** One role for somebody who had none, acknowledged when it is stored and numbered. Answers who. */
    assign: async () => {
      const number = made++
      const subject = subjectOf(number)
      const { version } = await ports.store.append({ tenant, category: 'assignment', id: subject }, [assigned(number, subject, 'reader')], { expected: 0 })
      if (version !== 1) throw new Error(`version ${version} of a new stream`)
      return subject
    },
    rolesOf: async (subject) => (await rows.find(assignments, { index: 'bySubject', where: { tenant, subject }, limit: 50 })).items.map(({ role }) => role),
    close: async () => {
      await transport.close()
      await views.close()
      await relay.close()
      await close()
    },
  }
}
