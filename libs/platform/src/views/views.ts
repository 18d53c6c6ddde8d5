/** The views of a service: runs them, rebuilds them beside the live ones, and lets readers wait for what they wrote. */
import { contextsOf, eventCatalogue, type AnyEventType } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import type { BusBatch } from '../bus/bus.js'
import type { BusTransport } from '../bus/bus-transport.js'
import type { ConsumerStatus } from '../bus/event-consumer.js'
import { after, allPassed } from '../bus/positions.js'
import type { StoredEvent } from '../events/event-store.js'
import { parsePositionToken, type PositionToken } from '../events/position-token.js'
import type { BlindIndex } from '../privacy/blind-index.js'
import type { EventCipher } from '../privacy/event-cipher.js'
import type { Log } from '../telemetry/log.js'
import type { Changes, ViewDefinition } from './define-view.js'
import { Generations } from './generations.js'
import type { LiveTables } from './live-tables.js'
import type { Rows } from './rows.js'
import { Follower } from './follower.js'
import { handlersByType, ViewRunner } from './view-runner.js'

export interface ViewStatus extends ConsumerStatus {
  readonly view: string
  readonly version: number
  /** A newer generation is being built beside the live one. */
  readonly building: boolean
}

/** Whoever remembers rows of a view. */
export interface ViewWatcher {
  /** Called after changes are committed, before whoever waits for them goes on. Of what another copy changed it is only told which rows they are. */
  changed(changes: Changes): void
  /** What is remembered may not be so any more: readers have another generation of the view from now on, or another copy got a parked event through. */
  outdated(): void
}

/** How often a copy looks what the others have built, in milliseconds. */
const alignMs = 5000

export class Views {
  readonly #live = new Map<string, ViewRunner>()
  readonly #building = new Map<string, Promise<void>>()
  readonly #watchers = new Map<string, Set<ViewWatcher>>()
  readonly #stops = new Map<ViewRunner, () => Promise<void>>()
  /** By event type, what every copy does when it hears one. */
  readonly #hearers = new Map<string, (event: StoredEvent) => void>()
  /** By view, where there are several copies: `context:p` → the last event heard that concerned it. */
  readonly #concerns = new WeakMap<ViewRunner, Map<string, number>>()
  /** By view, the event that was parked and went through last, as far as this copy knows. */
  readonly #retried = new Map<string, string | undefined>()
  readonly #generations: Generations
  #follower: Follower | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(
    private readonly definitions: readonly ViewDefinition[],
    private readonly rows: Rows,
    private readonly tables: LiveTables,
    private readonly cipher: EventCipher,
    private readonly transport: BusTransport,
    readonly log: Log,
    private readonly blindIndex: () => Promise<BlindIndex>,
    /** Names this copy of the service. */
    private readonly copy: string,
  ) {
    this.#generations = new Generations(rows)
  }

  /** Starts every view. One whose version rose goes on being read as it was, while the new one is built. */
  async start(): Promise<void> {
    await this.#generations.open()
    if (this.rows.shared) {
      const contexts = [...this.definitions.flatMap((view) => handlersByType(view.on).contexts), ...[...this.#hearers.keys()].flatMap(contextsOf)]
      this.#follower = new Follower(
        this.copy,
        [...new Set(contexts)],
        (batch) => this.#hear(batch),
        (event) => this.#mattersHere(event),
      )
      await this.#follower.start(this.transport)
      this.#timer = setInterval(() => void this.align().catch((error: unknown) => this.log.warn({ error }, 'the views could not be aligned')), alignMs).unref()
    }
    await Promise.all(this.definitions.map((view) => this.#startView(view)))
  }

  async #startView(view: ViewDefinition): Promise<void> {
    const newest = await this.#generations.newest(view.name)
    const { live, building, retried } = await this.#generations.of(view)
    this.#retried.set(view.name, retried)
    // Where nothing is there to be read meanwhile, readers have the new one from its first event on.
    const now = live !== 0 ? live : newest === undefined ? building : 0
    if (now === 0) for (const table of view.tables) this.tables.set(table, newest as number)
    else {
      this.#goLive(view, await this.#run(view, now))
      if (now !== newest) await this.#generations.live(view, now)
    }
    if (building !== 0 && building !== now) void this.#build(view, building)
  }

  /** Builds the view again from the first event, beside the live one; resolves when readers have the new one. No read fails meanwhile. */
  async rebuild(name: string): Promise<void> {
    const live = this.#live.get(name)
    if (!live) return this.#building.get(name)
    return this.#building.get(name) ?? this.#build(live.view, await this.#generations.build(live.view))
  }

  #build(view: ViewDefinition, generation: number): Promise<void> {
    const running = this.#building.get(view.name)
    if (running) return running
    const work = async (): Promise<void> => {
      const runner = await this.#run(view, generation, { calm: true })
      await this.#caughtUp(runner, this.#live.get(view.name))
      runner.calm = false
      await this.#generations.live(view, generation)
      await this.#replace(view, runner)
      if (!this.rows.shared) await this.#generations.clear(view, Date.now(), await this.#generations.all())
      this.log.info({ view: view.name, generation }, 'the view was built and took over')
    }
    const building = work().finally(() => this.#building.delete(view.name))
    this.#building.set(view.name, building)
    building.catch((error: unknown) => this.log.error({ view: view.name, error }, 'the view could not be built'))
    return building
  }

  async #replace(view: ViewDefinition, runner: ViewRunner): Promise<void> {
    const former = this.#live.get(view.name)
    this.#goLive(view, runner)
    if (former) await this.#stop(former)
  }

  /**
   * Where there are several copies: takes what another copy built, and forgets what another copy changed without an event; says that this one is there, removes
   * what nobody reads.
   */
  async align(now = Date.now()): Promise<void> {
    const all = await this.#generations.all()
    for (const view of this.definitions) {
      const found = all.find((row) => row.view === view.name && row.version === view.version)
      // A copy that was held up for long may find its version cleared away.
      const own = found && (found.live !== 0 || found.building !== 0) ? found : await this.#generations.of(view)
      await this.#generations.used(own)
      const { live, retried } = own
      if (retried !== this.#retried.get(view.name)) this.#forgetAll(view.name)
      this.#retried.set(view.name, retried)
      const mine = this.#live.get(view.name)
      if (mine && live > mine.generation && !this.#building.has(view.name)) await this.#replace(view, await this.#run(view, live))
      await this.#generations.clear(view, now, all)
    }
  }

  async #run(view: ViewDefinition, generation: number, { calm = false } = {}): Promise<ViewRunner> {
    const runner = new ViewRunner(view, generation, this.rows, this.cipher, this.log, this.blindIndex)
    runner.calm = calm
    await runner.open()
    this.#stops.set(runner, await this.transport.consume(runner))
    return runner
  }

  #goLive(view: ViewDefinition, runner: ViewRunner): void {
    for (const table of view.tables) this.tables.set(table, runner.generation)
    this.#live.set(view.name, runner)
    runner.onApplied((changes) => {
      for (const watcher of this.#watchersOf(view.name)) watcher.changed(changes)
    })
    // What the new one has done before, nobody was told.
    this.#forgetAll(view.name)
  }

  #forgetAll(view: string): void {
    for (const watcher of this.#watchersOf(view)) watcher.outdated()
  }

  /** The new runner has passed everything that the live one has done, or that was in the log when it began. */
  async #caughtUp(runner: ViewRunner, live: ViewRunner | undefined): Promise<void> {
    // All at once, and only then the waits: what comes meanwhile is not to be waited for.
    const heads = await Promise.all(runner.contexts.map(async (context) => (await this.transport.heads(context)).map((head) => ({ context, ...head }))))
    for (const { context, p, seq } of heads.flat()) {
      await runner.passed(context, p, Math.max(seq, live ? await live.position(context, p) : 0)).reached
    }
  }

  /** Resolves when every view (or the one named) that listens to the position's context has passed it. */
  async waitFor(position: PositionToken | undefined, view?: string): Promise<void> {
    if (position === undefined) return
    const parts = parsePositionToken(position)
    if (!parts) throw new RefusalError('request.parameter.invalid')
    const runners = [...this.#live.values()].filter((runner) => runner.contexts.includes(parts.context) && (view === undefined || runner.view.name === view))
    const follower = this.#follower
    if (!follower?.contexts.includes(parts.context)) return allPassed(runners.map((runner) => runner.passed(parts.context, parts.p, parts.seq)))
    const heard = follower.passed(parts.context, parts.p, parts.seq)
    // This copy has heard by then which of the events up to there concern a view: who works on the partition stores only those at once.
    const waits = runners.map((runner) => after(heard, () => runner.passed(parts.context, parts.p, this.#lastConcern(runner, parts))))
    await allPassed([heard, ...waits])
  }

  /** The last event up to a position, as far as this copy can tell, that changed a view. */
  #lastConcern(runner: ViewRunner, { context, p, seq }: { readonly context: string; readonly p: number; readonly seq: number }): number {
    return Math.min(seq, this.#concerns.get(runner)?.get(`${context}:${p}`) ?? seq)
  }

  #noteConcerns({ context, p, events }: BusBatch): void {
    const place = `${context}:${p}`
    for (const runner of this.#live.values()) {
      if (!runner.contexts.includes(context)) continue
      const known = this.#concerns.get(runner) ?? new Map<string, number>()
      this.#concerns.set(runner, known)
      const last = events.findLast((event) => runner.concerns(event))
      // Of what came before the first batch that was heard, nobody here knows whether it did.
      if (last || !known.has(place)) known.set(place, last?.position.seq ?? (events[0] as StoredEvent).position.seq - 1)
    }
  }

  /** Keeps what is remembered of a view as fresh as the view. Returns how to stop. */
  watch(view: string, watcher: ViewWatcher): () => void {
    const watchers = this.#watchers.get(view) ?? new Set()
    this.#watchers.set(view, watchers.add(watcher))
    return () => watchers.delete(watcher)
  }

  #watchersOf(view: string): Iterable<ViewWatcher> {
    return this.#watchers.get(view) ?? []
  }

  /** Calls back in every copy of a service that has several, whichever copy applies the event. To be said before the start. */
  hears(type: AnyEventType, listener: (event: StoredEvent) => void): void {
    this.#hearers.set(type.type, listener)
  }

  /** Somebody may wait for an event to be heard, or a view or cache of this copy depends on it. */
  #mattersHere(event: StoredEvent): boolean {
    if (!eventCatalogue.get(event.type)?.unhurried || this.#hearers.has(event.type)) return true
    for (const runner of this.#live.values()) if (runner.concerns(event)) return true
    return false
  }

  /** What other copies of the service apply, this copy's caches must know: their rows have changed. */
  async #hear(batch: BusBatch): Promise<void> {
    this.#noteConcerns(batch)
    for (const event of batch.events) this.#hearers.get(event.type)?.(event)
    await Promise.all([...this.#watchers].map(([view, watchers]) => (watchers.size > 0 ? this.#tellOf(view, batch) : undefined)))
  }

  async #tellOf(view: string, { context, p, events }: BusBatch): Promise<void> {
    const runner = this.#live.get(view)
    if (!runner?.contexts.includes(context)) return
    // Not the end of the batch: what comes after it, and does not concern the view, is stored a moment later.
    const concerned = events.filter((event) => runner.concerns(event))
    const [first, last] = [concerned[0], concerned.at(-1)]
    if (!first || !last) return
    // Whoever applies an event tells its own caches. To ask for the rows at that moment would meet them while they are written.
    const changes = await runner.doneElsewhere(context, p, [first.position.seq, last.position.seq], () => runner.touched(concerned))
    // Where another generation took over meanwhile, it is that one which readers see.
    if (this.#live.get(view) !== runner) return this.#tellOf(view, { context, p, events })
    if (changes && changes.length > 0) for (const watcher of this.#watchersOf(view)) watcher.changed(changes)
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

  get closed(): boolean {
    return this.#closed
  }

  /** Before the bus is closed, which waits for who hears. */
  leave(): void {
    for (const runner of this.#live.values()) runner.leave()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    await Promise.all([...this.#stops.keys()].map((runner) => this.#stop(runner)))
  }

  async #stop(runner: ViewRunner): Promise<void> {
    runner.leave()
    await this.#stops.get(runner)?.()
    this.#stops.delete(runner)
    await runner.idle()
  }
}
