/** The main of every application: reads the environment, opens the stores, runs services, says what to do next, ends cleanly. */
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SystemClock, type Clock } from '@pavan/kernel'
import { LocalKeyEncryptionKey } from '../privacy/kek.js'
import { makeLog, type Log } from '../telemetry/log.js'
import { startTracing } from '../telemetry/start-tracing.js'
import type { Adapters } from './adapters.js'
import { appConfig, type AppConfig } from './app-config.js'
import type { ServiceDefinition } from './define-service.js'
import type { Environment } from './environment.js'
import { tidyWhenQuiet } from './idle-memory.js'
import { takeTurns } from './one-processor.js'
import { runServices } from './run-services.js'
import type { Finding } from './finding.js'
import { readConfig } from './service-config.js'
import { StartError } from './start-error.js'

/** What an application may open its stores with. */
export interface Start {
  readonly env: Environment['env']
  readonly clock: Clock
  readonly log: Log
  /** Data folder of an embedded store. */
  readonly folder: string
  /** Makes or reads a key in the folder, once the folder is ours. */
  readonly keyIn: (name: string) => Uint8Array
}

export interface App {
  readonly services: readonly ServiceDefinition[]
  readonly adapters: (start: Start) => Adapters | Promise<Adapters>
  /** Where keys and the operator's secret are kept when the environment says nothing: in the data folder, or nowhere. */
  readonly keeps: 'folder' | 'nothing'
  readonly version: string
}

/** Puts the names in a folder on disk. A key that came back under its temporary name after a power loss would be lost with all that it protects. */
const syncFolder = (folder: string): void => {
  // Windows opens no folders; its file system keeps the order by itself.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** A key of 32 bytes in the data folder, made at first start. */
const keyFile = (folder: string, name: string): Uint8Array => {
  const path = join(folder, name)
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flush: true })
    renameSync(`${path}.new`, path)
    syncFolder(folder)
  }
  const key = Buffer.from(readFileSync(path, 'utf8'), 'base64')
  if (key.length !== 32)
    throw new StartError(`${path} is not a key.`, 'Restore the file from a backup of the data folder: without it nothing can be decrypted.')
  return new Uint8Array(key)
}

const kekOf = (config: AppConfig, { keyIn }: Start, keeps: App['keeps']): LocalKeyEncryptionKey => {
  if (!config.PAVAN_KEK && keeps === 'nothing')
    throw new StartError('PAVAN_KEK is not set.', 'Set the same key for every service: 32 random bytes in base64, such as `openssl rand -base64 32` prints.')
  return new LocalKeyEncryptionKey(config.PAVAN_KEK ?? keyIn('kek.key'), config.PAVAN_KEK_FORMER)
}

/** A server that has just been started may need some seconds more than its clients. */
const patienceMs = 20_000

const findingsOf = async (adapters: Adapters): Promise<readonly Finding[]> => {
  try {
    return (await adapters.check?.()) ?? []
  } catch (error) {
    if (error instanceof StartError) return [{ level: 'error', sentence: error.message, remedy: error.remedy }]
    throw error
  }
}

const checkSurroundings = async (adapters: Adapters, log: Log): Promise<void> => {
  const end = performance.now() + patienceMs
  for (;;) {
    const findings = await findingsOf(adapters)
    const wrong = findings.find(({ level }) => level === 'error')
    if (!wrong) {
      for (const { level, sentence, remedy } of findings) if (level === 'warning') log.warn({ remedy }, sentence)
      return
    }
    if (performance.now() > end) throw new StartError(wrong.sentence, wrong.remedy ?? 'Run `pavan doctor` to learn more.')
    log.warn({ remedy: wrong.remedy }, wrong.sentence)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}

const start = async (app: App): Promise<void> => {
  const config = readConfig(appConfig, process.env)
  const folder = resolve(config.PAVAN_DATA)
  const log = makeLog({ level: config.LOG_LEVEL, format: config.LOG_FORMAT })
  const stopTracing = await startTracing(process.env, { version: app.version, log })
  const clock = new SystemClock()
  const given: Start = { env: process.env, clock, log, folder, keyIn: (name) => keyFile(folder, name) }
  const adapters = await app.adapters(given)
  const kek = kekOf(config, given, app.keeps)
  await checkSurroundings(adapters, log)
  // A service without a gateway in its process stands behind one: that is one proxy more.
  const behind = app.services.some(({ name }) => name === 'gateway') ? 0 : 1
  const running = await runServices({
    services: app.services,
    remote: config.PAVAN_SERVICES,
    adapters,
    clock,
    env: { ...(app.keeps === 'folder' ? { PAVAN_OPERATOR_FILE: join(folder, 'operator.json') } : {}), ...process.env },
    kek,
    log,
    trustProxy: config.PAVAN_TRUST_PROXY + behind,
    version: app.version,
    port: config.PORT,
    host: config.HOST,
    baseUrl: config.PAVAN_URL,
  })
  let ending = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending) process.exit(130)
      ending = true
      const closed = running.close().then(() => stopTracing?.())
      closed.then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error }, 'the stop was not clean')
          process.exit(1)
        },
      )
    })
  }
  const width = Math.max(0, ...running.notices.map(({ label }) => label.length))
  const lines = running.notices.map(({ label, text }) => `  ${label.padEnd(width)}  ${text}`)
  process.stdout.write(`\nPavan is ready at ${running.baseUrl}\n\n${lines.join('\n')}\n\n`)
  tidyWhenQuiet()
  takeTurns()
}

/** Runs until a signal ends it. What prevents the start is told in two sentences, and the exit code is 1. */
export const runApp = async (app: App): Promise<void> => {
  try {
    await start(app)
  } catch (error) {
    if (error instanceof StartError) process.stderr.write(`\n${error.message}\n${error.remedy}\n\n`)
    else process.stderr.write(`\nPavan could not start because of a mistake of its own. Please report this:\n${(error as Error).stack ?? String(error)}\n`)
    process.exit(1)
  }
}
