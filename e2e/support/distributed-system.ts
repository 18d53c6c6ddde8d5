/** The whole system as processes on Kafka and MongoDB: the one that the runner of the specs has started, or one of its own. */
import { readFileSync, readdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { launch, type Launched, type LaunchOptions } from '../../tools/distributed/system.mjs'
import { storedIn } from './stored-in-servers.js'
import { watched } from './trouble.js'
import { System, type Operator, type Stored } from './system.js'

/** What the runner tells of the system that it has started. */
export interface Shared {
  readonly base: string
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly processes: readonly string[]
}

const servers = (): Record<string, string> => {
  const { MONGODB_URL, KAFKA_BROKERS } = process.env
  if (!MONGODB_URL || !KAFKA_BROKERS) throw new Error('MONGODB_URL and KAFKA_BROKERS name the servers of the distributed system')
  return { MONGODB_URL, KAFKA_BROKERS }
}

/** Databases and topics of one system among others on the same servers. */
const ownNames = (): Record<string, string> => {
  const name = `pavan-${randomBytes(4).toString('hex')}`
  return { PAVAN_DATABASE_PREFIX: name, KAFKA_TOPIC_PREFIX: name }
}

export class DistributedSystem extends System {
  private constructor(
    readonly base: string,
    private readonly folder: string,
    readonly env: Readonly<Record<string, string>>,
    readonly processes: readonly string[],
    /** Its processes, where they are ours to stop. */
    readonly launched?: Launched,
  ) {
    super()
  }

  static override async start({
    env,
    copies = 1,
  }: { readonly env?: Readonly<Record<string, string>>; readonly copies?: LaunchOptions['copies'] } = {}): Promise<DistributedSystem> {
    const { PAVAN_SYSTEM: shared } = process.env
    if (shared && !env) {
      const { base, folder, env: its, processes } = JSON.parse(readFileSync(shared, 'utf8')) as Shared
      return new DistributedSystem(base, folder, its, processes)
    }
    const folder = mkdtempSync(join(tmpdir(), 'pavan-e2e-'))
    return DistributedSystem.#launch({ folder, servers: servers(), copies, env: { ...ownNames(), PAVAN_RATE_LIMITS: 'off', LOG_LEVEL: 'info', ...env } })
  }

  /** A system that is stopped, started again with other variables beside its own. */
  async again(env: Readonly<Record<string, string>>): Promise<DistributedSystem> {
    const { folder, base } = this
    return DistributedSystem.#launch({ folder, servers: servers(), copies: 1, port: Number(new URL(base).port), env: { ...this.env, ...env } })
  }

  static async #launch(options: LaunchOptions): Promise<DistributedSystem> {
    const launched = await launch(options)
    const processes = launched.processes.map(({ port }) => `http://127.0.0.1:${port}`)
    return new DistributedSystem(launched.base, options.folder, launched.env, processes, launched)
  }

  get output(): string {
    const logs = join(this.folder, 'logs')
    return readdirSync(logs)
      .map((file) => readFileSync(join(logs, file), 'utf8'))
      .join('\n')
  }

  get operator(): Operator {
    return JSON.parse(readFileSync(join(this.folder, 'operator.json'), 'utf8')) as Operator
  }

  async *stored(): AsyncGenerator<Stored> {
    yield* storedIn(this.env)
  }

  async restart(): Promise<void> {
    if (!this.launched) throw new Error('this system is shared by all specs: start one of your own, with `env`')
    await this.launched.stop()
    await this.launched.startAll()
  }

  async stop(): Promise<void> {
    await this.launched?.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    watched.delete(this)
    await this.stop()
    if (this.launched) rmSync(this.folder, { recursive: true, force: true })
  }
}
