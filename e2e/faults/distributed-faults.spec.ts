/**
 * Processes, brokers and the database break while people work. After each fault whatever was acknowledged is there, once and in order, in every
 * view; the system has come back by itself; requests failed no longer than the fault and ten seconds more. PAVAN_SEED repeats a run;
 * `npm run faults` does every fault several times and for longer (PAVAN_ROUNDS, PAVAN_RATE).
 */
import { setTimeout as pause } from 'node:timers/promises'
import { startKafka } from '../../tools/services/kafka.mjs'
import { startMongo } from '../../tools/services/mongo.mjs'
import { services } from '../../tools/distributed/system.mjs'
import { call } from '../support/http.js'
import { moveLeaders } from '../support/leaders.js'
import { DistributedSystem } from '../support/distributed-system.js'
import { eventually } from '../support/parallel.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { makeTenant, tokenOfSomebody } from '../support/tenant.js'
import { operatorToken } from '../support/tokens.js'
import { mulberry, Workload } from '../support/workload.js'

const long = process.env.PAVAN_FAULTS === 'long'
const seed = Number(process.env.PAVAN_SEED ?? Math.floor(Math.random() * 1e9))
const random = mulberry(seed)
const rounds = Number(process.env.PAVAN_ROUNDS ?? (long ? 5 : 1))
/** Commands a second. */
const rate = Number(process.env.PAVAN_RATE ?? (long ? 50 : 16))
/** How long requests may fail after a fault is over, in milliseconds. */
const graceMs = 10_000

let kafka: Awaited<ReturnType<typeof startKafka>>
let mongo: Awaited<ReturnType<typeof startMongo>>
let proxy: TcpProxy
let system: DistributedSystem
beforeAll(async () => {
  process.stderr.write(`PAVAN_SEED=${seed}\n`)
  ;[kafka, mongo] = await Promise.all([startKafka({ brokers: 3, say: () => {} }), startMongo({ kind: 'documentdb', say: () => {} })])
  const { hostname, port } = new URL(mongo.url.replace('mongodb:', 'http:'))
  proxy = await TcpProxy.to(hostname, Number(port))
  process.env.MONGODB_URL = mongo.url.replace(`:${port}`, `:${proxy.port}`)
  process.env.KAFKA_BROKERS = kafka.brokers.join(',')
  system = await DistributedSystem.start({ copies: long ? 2 : { identity: 2, admin: 2 }, env: { PAVAN_PARTITIONS: '8' } })
}, 400_000)
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
  await Promise.all([kafka?.stop(), mongo?.stop()])
}, 60_000)

const launched = () => {
  if (!system.launched) throw new Error('the system is not ours to break')
  return system.launched
}
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const ready = () => eventually(async () => (await call(`${system.base}/readyz`).catch(() => undefined))?.status === 200, 60_000)

/** People work, something breaks for a time, and afterwards everything must be there. */
const survives = async (fault: () => Promise<void>): Promise<void> => {
  const workload = new Workload(system, await makeTenant(system, 'faults'), { seed: Math.floor(random() * 1e9) })
  await workload.prepare(4)
  const before = workload.acknowledged
  const start = performance.now()
  workload.start(rate)
  await pause(2000)
  const began = performance.now()
  const took = await fault()
    .then(() => performance.now() - began)
    // A fault that does not end leaves nobody at work for the next one.
    .catch(async (error: unknown) => {
      await workload.stop()
      throw error
    })
  await pause(3000)
  await workload.stop()
  const perSecond = ((workload.acknowledged - before) * 1000) / (performance.now() - start)
  await ready()
  expect(await workload.verify()).toEqual([])
  // What no view of the workload shows may be lost, too: consumers say so.
  expect(system.output.split('\n').filter((line) => line.includes('events are missing on the topic'))).toEqual([])
  process.stderr.write(
    `  fault ${(took / 1000).toFixed(1)} s, ${workload.acknowledged - before} commands (${perSecond.toFixed(0)} a second), ${workload.failures} failed requests, longest burst ${(workload.longestBurst / 1000).toFixed(1)} s\n`,
  )
  expect(workload.longestBurst).toBeLessThan(took + graceMs)
}

const kill = async (service: string, copy: number): Promise<void> => {
  await launched().find(service, copy).running.kill()
  await pause(1000 + random() * 2000)
  await launched().restart(service, copy)
}

describe.each(Array.from({ length: rounds }, (_, n) => n + 1))('round %i', () => {
  test.each(long ? [...services] : ['identity', pick(services.filter((one) => one !== 'identity'))])(
    'a copy of %s is killed',
    (service) => survives(() => kill(service, 1)),
    240_000,
  )

  test(
    'two copies are killed at once, those that number and publish among them',
    () =>
      survives(async () => {
        await Promise.all([kill('identity', 1), kill('admin', 1)])
      }),
    240_000,
  )

  test('the gateway is killed, and what was revoked before stays revoked', async () => {
    const { status, revoke } = await tokenOfSomebody(system, await makeTenant(system, 'revoked'))
    expect(await status()).toBe(200)
    await revoke()
    await eventually(async () => (await status()) === 401, 5_000)
    await survives(() => kill('gateway', 1))
    expect(await status()).toBe(401)
  }, 240_000)

  test(
    'a broker dies and comes back',
    () =>
      survives(async () => {
        const i = Math.floor(random() * 3)
        await kafka.kill(i)
        await pause(long ? 20_000 : 5_000)
        await kafka.restart(i)
      }),
    300_000,
  )

  test(
    'the partitions that a broker leads get other leaders',
    () =>
      survives(async () => {
        for (let n = 0; n < (long ? 12 : 3); n++) {
          await moveLeaders(kafka.brokers, system.env.KAFKA_TOPIC_PREFIX as string, n)
          await pause(1000)
        }
      }),
    300_000,
  )

  test(
    'Kafka stands still, and people go on signing in',
    () =>
      survives(async () => {
        const began = performance.now()
        for (const i of [0, 1, 2]) kafka.pause(i)
        try {
          const token = await operatorToken(system)
          expect((await call(`${system.base}/api/v1/admin/tenant`, { token })).status).toBe(200)
          await pause(Math.max(0, (long ? 60_000 : 8_000) - (performance.now() - began)))
        } finally {
          for (const i of [0, 1, 2]) kafka.resume(i)
        }
      }),
    300_000,
  )

  test('the database is killed and started again', () => survives(() => mongo.restart()), 300_000)

  test(
    'the database stands still',
    () =>
      survives(async () => {
        mongo.pause()
        await pause(long ? 20_000 : 5_000)
        mongo.resume()
      }),
    300_000,
  )

  test(
    'connections to the database are cut, between commands, and between writes and their answers',
    () =>
      survives(async () => {
        for (let n = 0; n < (long ? 20 : 4); n++) {
          if (n % 2 === 0) proxy.cut()
          else await proxy.cutBeforeAnswers(200 + random() * 300)
          await pause(500 + random() * 500)
        }
      }),
    300_000,
  )

  test(
    'the database answers 200 ms later',
    () =>
      survives(async () => {
        proxy.slow(200)
        await pause(long ? 30_000 : 6_000)
        proxy.slow(0)
      }),
    300_000,
  )

  test(
    'copies leave and join',
    () =>
      survives(async () => {
        const until = performance.now() + (long ? 120_000 : 0)
        do {
          const service = pick(long ? services : ['identity', 'admin'])
          await launched().find(service, 2).running.stop('SIGTERM', 12)
          await pause(2000)
          await launched().restart(service, 2)
          await pause(1000)
        } while (performance.now() < until)
      }),
    600_000,
  )
})
