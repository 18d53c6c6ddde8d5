/** Runs a reaction: at least once for every event, with command ids that make repeats harmless. */
import type { RecordedEvent } from '@pavan/kernel'
import type { BusBatch } from './bus.js'
import type { StoredEvent } from '../events/event-store.js'
import { upcast } from '../events/upcasters.js'
import type { EventCipher } from '../privacy/event-cipher.js'
import { messageAttributes, spanOfEvent } from '../telemetry/event-spans.js'
import type { Log } from '../telemetry/log.js'
import type { Changes } from '../views/define-view.js'
import type { Rows } from '../views/rows.js'
import { handlersByType } from '../views/view-runner.js'
import type { EventHandler } from '../views/define-view.js'
import type { ReactionCommand, ReactionHandler } from './define-reaction.js'
import { EventConsumer } from './event-consumer.js'

/** Waits between tries before the stream is parked, in milliseconds. */
const waits = [20, 100, 500]
/** How often parked streams are tried again by themselves, in milliseconds; doubled up to ten minutes. */
const firstRetry = 5_000
const lastRetry = 600_000

export class ReactionRunner extends EventConsumer {
  readonly #handlers
  #timer: NodeJS.Timeout | undefined
  #retryIn = firstRetry
  #closed = false

  constructor(
    readonly reaction: string,
    handlers: readonly EventHandler<ReactionHandler>[],
    rows: Rows,
    private readonly cipher: EventCipher,
    log: Log,
  ) {
    const byType = handlersByType(handlers)
    super(`reaction:${reaction}`, byType.contexts, rows, log)
    this.#handlers = byType
  }

  concerns(event: StoredEvent): boolean {
    return this.#handlers.of(event).length > 0
  }

  protected override concernsAny(batch: BusBatch): boolean {
    return this.#handlers.some(batch)
  }

  protected process(stored: StoredEvent): Promise<Changes> | undefined {
    const handlers = this.#handlers.of(stored)
    return handlers.length === 0 ? undefined : this.#run(handlers, stored)
  }

  async #run(handlers: readonly ReactionHandler[], stored: StoredEvent): Promise<Changes> {
    const event = (await this.cipher.open(upcast(stored), ['personal'])) as RecordedEvent<any>
    const command = commandFor(this.reaction, event)
    const attributes = { 'messaging.consumer.group.name': this.name, 'pavan.reaction': this.reaction }
    const span = spanOfEvent(event, 'react', 'consumer', { ...messageAttributes(event, 'process', 1), ...attributes })
    if (!span) return this.#react(handlers, event, command)
    try {
      const done = await span.run(() => this.#react(handlers, event, { ...command, meta: { ...command.meta, traceparent: span.traceparent } }))
      span.end()
      return done
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  async #react(handlers: readonly ReactionHandler[], event: RecordedEvent<any>, command: ReactionCommand): Promise<Changes> {
    for (const handle of handlers) await this.#try(() => handle(event, command))
    return []
  }

  async #try(run: () => Promise<unknown>): Promise<void> {
    for (const wait of [...waits, undefined]) {
      try {
        await run()
        return
      } catch (error) {
        if (wait === undefined || this.#closed) {
          this.#retryLater()
          throw error
        }
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }

  /** Most failures of a reaction pass by themselves: a mail server that is away, a store that is full. */
  #retryLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(async () => {
      this.#timer = undefined
      const outcomes = []
      for (const { stream } of this.status().parked) outcomes.push(await this.retry(stream).catch(() => false))
      this.#retryIn = outcomes.every(Boolean) ? firstRetry : Math.min(this.#retryIn * 2, lastRetry)
      if (outcomes.includes(false)) this.#retryLater()
    }, this.#retryIn)
    this.#timer.unref()
  }

  async open(): Promise<void> {
    await this.load()
    if (this.status().parked.length > 0) this.#retryLater()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.idle()
  }
}

/** The same event gives the same command id, so the aggregate applies it once. */
export const commandFor = (reaction: string, event: RecordedEvent): ReactionCommand => {
  const commandId = `${reaction}:${event.id}`
  return {
    commandId,
    meta: {
      actor: { type: 'system', id: reaction },
      reason: event.type,
      commandId,
      ...(event.meta.requestId === undefined ? {} : { requestId: event.meta.requestId }),
      ...(event.meta.traceparent === undefined ? {} : { traceparent: event.meta.traceparent }),
    },
  }
}
