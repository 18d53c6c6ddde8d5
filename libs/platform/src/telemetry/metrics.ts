/**
 * Counters, histograms and gauges of the process. Before a meter is installed, counters are kept and handed over later,
 * so that nothing has to load a metrics SDK before the system is ready.
 */
import type { Attributes, Meter } from '@opentelemetry/api'

export interface Counter {
  add(by: number, attributes?: Attributes): void
}
export interface Histogram {
  record(value: number, attributes?: Attributes): void
}
export interface Gauge {
  /** Reports when somebody asks. Several owners may report into one gauge. Returns how to stop. */
  observe(observe: Observe): () => void
}
export interface MetricOptions {
  /** One sentence for the metrics reference. */
  readonly description: string
  /** Names of its labels, each with few values and none of them personal. */
  readonly labels?: readonly string[]
  /** UCUM unit: `s`, `By`, `{request}`. */
  readonly unit?: string
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[]
}
/** Called at each scrape; what it promises is waited for. */
export type Observe = (report: (value: number, attributes?: Attributes) => void) => void | Promise<void>

interface Instrument {
  readonly kind: string
  readonly options: MetricOptions
  install(meter: Meter): void
}

/** At most this many early values of a histogram are kept. */
const early = 1000

/** Names are those that Prometheus shows: with their unit, and `_total` for what only rises. Declared where a module is loaded, so that the reference has them. */
export class Metrics {
  #meter: Meter | undefined
  readonly #instruments = new Map<string, Instrument>()

  counter(name: string, options: MetricOptions): Counter {
    return this.#declare(name, () => new EarlyCounter(name, options))
  }

  histogram(name: string, options: MetricOptions): Histogram {
    return this.#declare(name, () => new EarlyHistogram(name, options))
  }

  gauge(name: string, options: MetricOptions): Gauge {
    return this.#declare(name, () => new SharedGauge(name, options))
  }

  /** Sends everything, kept counts included, to a meter of the OpenTelemetry SDK. */
  install(meter: Meter): void {
    this.#meter = meter
    for (const instrument of this.#instruments.values()) instrument.install(meter)
  }

  /** What is declared, for the metrics reference. */
  catalogue(): readonly {
    readonly name: string
    readonly kind: string
    readonly unit: string
    readonly labels: readonly string[]
    readonly description: string
  }[] {
    return [...this.#instruments]
      .map(([name, { kind, options }]) => ({ name, kind, unit: options.unit ?? '', labels: options.labels ?? [], description: options.description }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Whether somebody reported this value of a gauge at the last look: the SDK goes on showing what nobody reports any more. */
  found(gauge: string, attributes: Attributes): boolean {
    const known = this.#instruments.get(gauge)
    return !(known instanceof SharedGauge) || known.found(attributes)
  }

  #declare<I extends Instrument>(name: string, make: () => I): I {
    const known = this.#instruments.get(name)
    if (known) return known as I
    const made = make()
    this.#instruments.set(name, made)
    if (this.#meter) made.install(this.#meter)
    return made
  }
}

class EarlyCounter implements Counter, Instrument {
  readonly kind = 'counter'
  #target: Counter | undefined
  readonly #kept = new Map<string, [number, Attributes | undefined]>()

  constructor(
    readonly name: string,
    readonly options: MetricOptions,
  ) {}

  add(by: number, attributes?: Attributes): void {
    if (this.#target) return this.#target.add(by, attributes)
    const key = JSON.stringify(attributes) ?? ''
    const kept = this.#kept.get(key)
    if (kept) kept[0] += by
    else this.#kept.set(key, [by, attributes])
  }

  install(meter: Meter): void {
    this.#target = meter.createCounter(this.name, this.options)
    for (const [by, attributes] of this.#kept.values()) this.#target.add(by, attributes)
    this.#kept.clear()
  }
}

class EarlyHistogram implements Histogram, Instrument {
  readonly kind = 'histogram'
  #target: Histogram | undefined
  #kept: [number, Attributes | undefined][] = []

  constructor(
    readonly name: string,
    readonly options: MetricOptions,
  ) {}

  record(value: number, attributes?: Attributes): void {
    if (this.#target) this.#target.record(value, attributes)
    else if (this.#kept.length < early) this.#kept.push([value, attributes])
  }

  install(meter: Meter): void {
    const advice = this.options.buckets ? { explicitBucketBoundaries: [...this.options.buckets] } : undefined
    this.#target = meter.createHistogram(this.name, { ...this.options, advice })
    for (const [value, attributes] of this.#kept.splice(0)) this.#target.record(value, attributes)
  }
}

class SharedGauge implements Gauge, Instrument {
  readonly kind = 'gauge'
  readonly #observers = new Set<Observe>()
  /** The attributes that the last look found. */
  #found = new Set<string>()

  constructor(
    readonly name: string,
    readonly options: MetricOptions,
  ) {}

  observe(observe: Observe): () => void {
    this.#observers.add(observe)
    return () => this.#observers.delete(observe)
  }

  install(meter: Meter): void {
    meter.createObservableGauge(this.name, this.options).addCallback(async (result) => {
      const found = new Set<string>()
      const report = (value: number, attributes: Attributes = {}): void => {
        found.add(JSON.stringify(attributes))
        result.observe(value, attributes)
      }
      await Promise.all([...this.#observers].map((observe) => observe(report)))
      this.#found = found
    })
  }

  found(attributes: Attributes): boolean {
    return this.#found.has(JSON.stringify(attributes))
  }
}

/** The metrics of this process. */
export const metrics = new Metrics()
