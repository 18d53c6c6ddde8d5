import { watched } from './trouble.js'

/** A running system, whatever it is made of. Specs know only this; which topology it is says PAVAN_TOPOLOGY, to the runner of the specs. */
export interface Operator {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

/** Bytes that the system keeps somewhere. */
export interface Stored {
  readonly place: string
  readonly bytes: Buffer
}

export abstract class System implements AsyncDisposable {
  constructor() {
    watched.add(this)
  }

  /** With `env`, which may be empty, a system of its own that has these variables; without, any that runs. */
  static async start({ env }: { readonly env?: Readonly<Record<string, string>> } = {}): Promise<System> {
    if (process.env.PAVAN_TOPOLOGY !== 'distributed') return (await import('./embedded-system.js')).EmbeddedSystem.start({ env })
    return (await import('./distributed-system.js')).DistributedSystem.start({ env })
  }

  /** Where it is reached, without a slash at the end. */
  abstract readonly base: string
  /** Where each process of the system answers `/metrics` and `/readyz`. */
  abstract readonly processes: readonly string[]
  /** Everything printed so far: log and notices. */
  abstract readonly output: string
  /** The machine client that administers the first tenant. */
  abstract readonly operator: Operator
  /** Everything that it keeps: files, documents, records. */
  abstract stored(): AsyncIterable<Stored>
  /** Stops it and starts it again on what it keeps. For systems of a spec's own. */
  abstract restart(): Promise<void>
  abstract stop(): Promise<void>
  abstract [Symbol.asyncDispose](): Promise<void>
}
