/** The whole system as a newcomer starts it: the built all-in-one in a process of its own, on a free port and a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './root.js'
import { watched } from './trouble.js'
import { System, type Operator, type Stored } from './system.js'

export interface StartOptions {
  /** Data folder; a new temporary one by default. */
  readonly folder?: string
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  /** Command that runs before node, such as `strace …`. */
  readonly wrap?: readonly string[]
}

export class EmbeddedSystem extends System {
  private constructor(
    readonly folder: string,
    readonly base: string,
    private child: ChildProcess,
    private readonly lines: string[],
    private readonly options: StartOptions,
  ) {
    super()
  }

  static override async start(options: StartOptions = {}): Promise<EmbeddedSystem> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'pavan-e2e-'))
    const [program = process.execPath, ...args] = [...(options.wrap ?? []), process.execPath, join(root, 'apps/all-in-one/dist/main.js')]
    const child = spawn(program, args, {
      cwd: root,
      env: {
        ...withoutTestVariables(process.env),
        PAVAN_DATA: folder,
        PORT: String(options.port ?? 0),
        LOG_LEVEL: 'info',
        PAVAN_RATE_LIMITS: 'off',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const lines: string[] = []
    const base = await new Promise<string>((resolve, reject) => {
      let pending = ''
      const look = (chunk: Buffer): void => {
        pending += chunk.toString()
        const parts = pending.split('\n')
        pending = parts.pop() ?? ''
        lines.push(...parts)
        const ready = /Pavan is ready at (http:\/\/\S+)/.exec(parts.join('\n'))
        if (ready?.[1]) resolve(ready[1])
      }
      child.stdout?.on('data', look)
      child.stderr?.on('data', look)
      child.once('exit', (code, signal) => reject(new StartFailed(code ?? signal ?? 'nothing', lines.join('\n'))))
    })
    return new EmbeddedSystem(folder, base, child, lines, options)
  }

  get processes(): readonly string[] {
    return [this.base]
  }

  /** Everything printed so far: log and notices. */
  get output(): string {
    return this.lines.join('\n')
  }

  get pid(): number {
    return this.child.pid as number
  }

  get operator(): Operator {
    return JSON.parse(readFileSync(join(this.folder, 'operator.json'), 'utf8')) as Operator
  }

  /** Every file of the data folder, as it is now. */
  async *stored(): AsyncGenerator<Stored> {
    for (const entry of readdirSync(this.folder, { recursive: true, withFileTypes: true })) {
      const place = join(entry.parentPath, entry.name)
      if (entry.isFile()) yield { place, bytes: readFileSync(place) }
    }
  }

  async restart(): Promise<void> {
    await this.stop()
    const again = await EmbeddedSystem.start({ ...this.options, folder: this.folder, port: Number(new URL(this.base).port) })
    this.child = again.child
    again.child.stdout?.on('data', (chunk: Buffer) => this.lines.push(...chunk.toString().split('\n')))
    this.lines.push(...again.lines)
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill(signal)
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    watched.delete(this)
    await this.stop()
    if (this.options.folder === undefined && existsSync(this.folder)) rmSync(this.folder, { recursive: true, force: true })
  }
}

export class StartFailed extends Error {
  constructor(
    readonly code: number | string,
    readonly output: string,
  ) {
    super(`the system ended with ${code} before it was ready:\n${output.slice(-4000)}`)
  }
}

/** Jest and npm leave variables behind that a started program should not see. */
const withoutTestVariables = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(JEST_|npm_|NODE_OPTIONS|NODE_ENV|PAVAN_)/.test(name)))
