/** The views of a service: runs them, rebuilds them beside the live ones, and lets readers wait for what they wrote. */
import { RefusalError } from '@pavan/kernel'
import type { BusTransport } from '../bus/bus-transport.js'
import type { ConsumerStatus } from '../bus/event-consumer.js'
import { parsePositionToken, type PositionToken } from '../events/position-token.js'
import type { BlindIndex } from '../privacy/blind-index.js'
import type { EventCipher } from '../privacy/event-cipher.js'
import type { Log } from '../telemetry/log.js'
import { put } from './changes.js'
import type { Changes, ViewDefinition } from './define-view.js'
import { LiveTables, viewPointers } from './live-tables.js'
import type { Rows } from './rows.js'
import { ViewRunner } from './view-runner.js'

export interface ViewStatus extends ConsumerStatus {
  readonly view: string
  readonly version: number
  /** A newer generation is being built beside the live one. */
  readonly building: boolean
}

const waitMs = 5000

export class Views {
  readonly #live = new Map<string, ViewRunner>()
  readonly #building = new Map<string, Promise<void>>()
  readonly #listeners = new Map<string, Set<(changes: Changes) => void>>()
  readonly #stops = new Map<ViewRunner, () => Promise<void>>()
  #closed = false

  constructor(
    private readonly definitions: readonly ViewDefinition[],
    private readonly rows: Rows,
    private readonly tables: LiveTables,
    private readonly cipher: EventCipher,
    private readonly transport: BusTransport,
    private readonly log: Log,
    private readonly blindIndex: () => Promise<BlindIndex>,
  ) {}

  /** Starts every view. One whose version rose goes on being read as it was, while the new one is built. */
  async start(): Promise<void> {
    await this.rows.open([viewPointers as never])
    await Promise.all(this.definitions.map((view) => this.#startView(view)))
  }

  async #startView(view: ViewDefinition): Promise<void> {
    const first = view.version * 1000
    const pointer = await this.rows.get(viewPointers, view.name)
    if (!pointer || Math.floor(pointer.generation / 1000) === view.version) {
      const runner = await this.#run(view, pointer?.generation ?? first)
      if (!pointer) await this.rows.apply([put(viewPointers, view.name, { view: view.name, generation: first })])
      this.#goLive(view, runner)
      return
    }
    for (const table of view.tables) this.tables.set(table, pointer.generation)
    this.#build(view, first, () => Promise.all(view.tables.map((table) => this.rows.drop({ ...table, version: pointer.generation } as never))))
  }

  /** Builds the view again from the first event, beside the live one; resolves when readers have the new one. No read fails meanwhile. */
  async rebuild(name: string): Promise<void> {
    const live = this.#live.get(name)
    if (!live) return this.#building.get(name)
    const running = this.#building.get(name)
    if (running) return running
    return this.#build(live.view, live.generation + 1, async () => {
      await this.#stop(live)
      await live.drop()
    })
  }

  #build(view: ViewDefinition, generation: number, after: () => Promise<unknown>): Promise<void> {
    const work = async (): Promise<void> => {
      const runner = await this.#run(view, generation)
      await this.#caughtUp(runner, this.#live.get(view.name))
      await this.rows.apply([put(viewPointers, view.name, { view: view.name, generation })])
      this.#goLive(view, runner)
      await after()
      this.log.info({ view: view.name, generation }, 'the view was built and took over')
    }
    const building = work().finally(() => this.#building.delete(view.name))
    this.#building.set(view.name, building)
    building.catch((error: unknown) => this.log.error({ view: view.name, error }, 'the view could not be built'))
    return building
  }

  async #run(view: ViewDefinition, generation: number): Promise<ViewRunner> {
    const runner = new ViewRunner(view, generation, this.rows, this.cipher, this.log, this.blindIndex)
    await runner.open()
    this.#stops.set(runner, await this.transport.consume(runner))
    return runner
  }

  #goLive(view: ViewDefinition, runner: ViewRunner): void {
    for (const table of view.tables) this.tables.set(table, runner.generation)
    this.#live.set(view.name, runner)
    runner.onApplied((changes) => {
      for (const listener of this.#listeners.get(view.name) ?? []) listener(changes)
    })
  }

  /** The new runner has passed everything that the live one has done, or that was in the log when it began. */
  async #caughtUp(runner: ViewRunner, live: ViewRunner | undefined): Promise<void> {
    for (const context of runner.contexts) {
      for (const { p, seq } of await this.transport.heads(context)) {
        await runner.passed(context, p, Math.max(seq, live ? await live.position(context, p) : 0)).reached
      }
    }
  }

  /** Resolves when every view (or the one named) that listens to the position's context has passed it. */
  async waitFor(position: PositionToken | undefined, view?: string): Promise<void> {
    if (position === undefined) return
    const parts = parsePositionToken(position)
    if (!parts) throw new RefusalError('request.parameter.invalid')
    const runners = [...this.#live.values()].filter((runner) => runner.contexts.includes(parts.context) && (view === undefined || runner.view.name === view))
    const waits = runners.map((runner) => runner.passed(parts.context, parts.p, parts.seq))
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new RefusalError('request.position.timeout')), waitMs)
    })
    try {
      await Promise.race([Promise.all(waits.map((wait) => wait.reached)), timeout])
    } finally {
      clearTimeout(timer)
      for (const wait of waits) wait.cancel()
    }
  }

  /** Calls back after changes of a view are committed, to keep caches fresh. Returns how to stop. */
  onApplied(view: string, listener: (changes: Changes) => void): () => void {
    const listeners = this.#listeners.get(view) ?? new Set()
    this.#listeners.set(view, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Resolves when every view has done what was in the log at the call. */
  async ready(): Promise<void> {
    await Promise.all([...this.#live.values()].map((runner) => this.#caughtUp(runner, undefined)))
  }

  status(): readonly ViewStatus[] {
    return this.definitions.map((view) => {
      const runner = this.#live.get(view.name)
      const status = runner?.status() ?? { name: view.name, positions: {}, pending: 0, parked: [] }
      return { ...status, view: view.name, version: view.version, building: this.#building.has(view.name) }
    })
  }

  /** Tries the parked events of a stream again; answers whether all went through. */
  async retry(view: string, stream: string): Promise<boolean> {
    return (await this.#live.get(view)?.retry(stream)) ?? false
  }

  async skip(view: string, stream: string, reason: string): Promise<boolean> {
    return (await this.#live.get(view)?.skip(stream, reason)) ?? false
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#stops.keys()].map((runner) => this.#stop(runner)))
  }

  async #stop(runner: ViewRunner): Promise<void> {
    await this.#stops.get(runner)?.()
    this.#stops.delete(runner)
    await runner.idle()
  }
}
