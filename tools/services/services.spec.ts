import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import mongoose from 'mongoose'
import { available } from './available.mjs'
import { fetchToEnd, freePort, isAlive, isOpen } from './process.mjs'
import { startKafka } from './kafka.mjs'
import { startMongo } from './mongo.mjs'

jest.setTimeout(300_000)

const until = async (holds: () => boolean) => {
  while (!holds()) await pause(20)
}
/** Runs JavaScript in a process of its own whose cache is `cache`. */
const program = (source: string, cache: string) =>
  spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PAVAN_CACHE: cache } })
const ended = (child: ReturnType<typeof program>) => new Promise((resolve) => child.once('close', resolve))

describe('Apache Kafka', () => {
  const withTopic = async (brokers: string[], topic: string) => {
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 20 } })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, replicationFactor: brokers.length }], waitForLeaders: true })
    const producer = kafka.producer()
    await producer.connect()
    return {
      send: (value: string) => producer.send({ topic, acks: -1, messages: [{ value }] }),
      end: async () => Number((await admin.fetchTopicOffsets(topic))[0]!.high),
      close: () => Promise.all([producer.disconnect(), admin.disconnect()]),
    }
  }

  test('starts, takes a message, keeps it over a kill, and leaves no process and no folder', async () => {
    const home = mkdtempSync(join(tmpdir(), 'pavan-kafka-spec-'))
    const kafka = await startKafka({ folder: home, keep: false })
    const pids = kafka.pids
    expect(pids).toHaveLength(1)
    let topic = await withTopic(kafka.brokers, 't')
    await topic.send('a')
    await topic.close()
    await kafka.kill()
    expect(kafka.pids).toEqual([])
    await kafka.restart()
    topic = await withTopic(kafka.brokers, 't')
    expect(await topic.end()).toBe(1)
    await topic.close()
    pids.push(...kafka.pids)
    await kafka.stop()
    expect(pids.filter(isAlive)).toEqual([])
    expect(existsSync(home)).toBe(false)
  })

  test('three nodes go on when one of them is killed', async () => {
    const kafka = await startKafka({ brokers: 3 })
    const topic = await withTopic(kafka.brokers, 't')
    await topic.send('a')
    await kafka.kill(2)
    await topic.send('b')
    expect(await topic.end()).toBe(2)
    await topic.close()
    await kafka.stop()
    expect(kafka.pids).toEqual([])
  })
})

describe('MongoDB protocol', () => {
  const count = async (url: string, insert: boolean) => {
    const connection = await mongoose.createConnection(url, { serverSelectionTimeoutMS: 30_000 }).asPromise()
    try {
      const notes = connection.collection('notes')
      if (insert) await notes.insertOne({ text: 'a' })
      return await notes.countDocuments({})
    } finally {
      await connection.close()
    }
  }
  const kinds = (['java', 'documentdb'] as const).filter((kind) => kind === 'java' || process.env.CI || available()['mongo-documentdb']?.possible)

  test.each(kinds)('%s starts, keeps a document over a restart, and leaves no process', async (kind) => {
    const mongo = await startMongo({ kind, durable: true })
    const pids = mongo.pids
    expect(await count(`${mongo.url}`, true)).toBe(1)
    if (kind === 'documentdb') await mongo.kill()
    await mongo.restart()
    expect(await count(mongo.url, false)).toBe(1)
    pids.push(...mongo.pids)
    await mongo.stop()
    expect(pids.filter(isAlive)).toEqual([])
  })
})

test('npm run services says where the servers are, uses those that are named, and ends without a trace', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../services.mjs')], {
    env: { ...process.env, KAFKA_BROKERS: 'elsewhere:9092', MONGODB_URL: '' },
  })
  let said = ''
  child.stdout.on('data', (part) => (said += part))
  await until(() => said.includes('KAFKA_BROKERS='))
  const [, port] = /^MONGODB_URL=mongodb:\/\/127\.0\.0\.1:(\d+)\/\nKAFKA_BROKERS=elsewhere:9092\n$/.exec(said) ?? []
  expect(await isOpen(Number(port))).toBe(true)
  child.kill('SIGINT')
  expect(await ended(child as never)).toBe(0)
  expect(await isOpen(Number(port))).toBe(false)
})

test.each([
  [['--brokers', '2'], '--brokers is 1 or 3, not 2.'],
  [['--mongo', 'atlas'], '--mongo is java or documentdb, not atlas.'],
  [['--kafka'], 'Usage: npm run services'],
])('npm run services %j is refused with the usage', async (args, sentence) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../services.mjs'), ...args])
  let said = ''
  child.stderr.on('data', (part) => (said += part))
  expect(await ended(child as never)).toBe(1)
  expect(said).toContain(sentence)
})

describe('the cache', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pavan-cache-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const install = (body: string) => `
    import { appendFileSync, writeFileSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { cached } from '${join(import.meta.dirname, 'cache.mjs')}'
    process.stdout.write(await cached('thing', async (draft) => { ${body} }).catch((error) => error.message))`
  const careful = `appendFileSync('${'$'}{LOG}', 'x'); writeFileSync(draft + '/a', '1'); await pause(300); writeFileSync(draft + '/b', '2')`

  test('two processes install once, and both find the whole thing', async () => {
    const log = join(folder, 'installs')
    const source = install(careful.replace('${LOG}', log))
    await Promise.all(Array.from({ length: 4 }, () => ended(program(source, folder))))
    expect(readFileSync(log, 'utf8')).toBe('x')
    expect(readdirSync(join(folder, 'thing'))).toEqual(['a', 'b'])
    expect(readdirSync(folder).toSorted()).toEqual(['installs', 'thing'])
  })

  test('an installation that fails leaves nothing behind', async () => {
    const child = program(install(`writeFileSync(draft + '/a', '1'); throw new Error('no network')`), folder)
    let said = ''
    child.stdout.on('data', (part) => (said += part))
    await ended(child)
    expect(said).toBe('no network')
    expect(readdirSync(folder)).toEqual([])
  })

  test('the lock of a process that died is broken', async () => {
    const dead = program('', folder)
    await ended(dead)
    writeFileSync(join(folder, 'thing.lock'), String(dead.pid))
    await ended(program(install(careful.replace('${LOG}', join(folder, 'installs'))), folder))
    expect(readdirSync(join(folder, 'thing'))).toEqual(['a', 'b'])
  })

  test('what is missing on a machine is said with its remedy', async () => {
    const source = `import { available } from '${join(import.meta.dirname, 'available.mjs')}'; process.stdout.write(JSON.stringify(available()))`
    mkdirSync(join(folder, 'bin'))
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { env: { PATH: join(folder, 'bin'), PAVAN_CACHE: folder } })
    let said = ''
    child.stdout.on('data', (part) => (said += part))
    await ended(child as never)
    const answer = JSON.parse(said) as Record<string, { possible: boolean; problem: string; remedy: string }>
    expect(answer['kafka']).toMatchObject({ possible: false, problem: 'kafka needs java and mvn, which this machine does not have' })
    expect(answer['kafka']!.remedy).toContain('apt-get install maven')
    expect(answer['mongo-documentdb']!.problem).toContain('go')
  })
})

test.each([
  [2, 'fetched'],
  [3, 'sh -c ended with 7'],
])('what fetches runs again when it failed: %i failures', async (failures, expected) => {
  const tries = join(mkdtempSync(join(tmpdir(), 'pavan-fetch-')), 'tries')
  const script = `echo x >> "$1"; [ $(wc -l < "$1") -gt ${failures} ] && echo fetched || exit 7`
  const said = await fetchToEnd('sh', ['-c', script, 'sh', tries], { wait: 1 }).catch((error: Error) => error.message)
  expect(said).toContain(expected)
  expect(readFileSync(tries, 'utf8')).toBe('x\n'.repeat(3))
})

test('no port is handed out twice', async () => {
  const ports = await Promise.all(Array.from({ length: 1500 }, freePort))
  expect(new Set(ports).size).toBe(1500)
})

test('a server does not outlive the process that started it, even when that is killed', async () => {
  const log = join(mkdtempSync(join(tmpdir(), 'pavan-guard-')), 'log')
  const source = `
    import { startProcess } from '${join(import.meta.dirname, 'process.mjs')}'
    console.log(startProcess('sleep', ['1000'], { log: '${log}' }).pid)
    setInterval(() => {}, 1000)`
  const parent = program(source, tmpdir())
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !isAlive(pid))
})
