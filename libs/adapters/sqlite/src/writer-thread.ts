/** Handle of the writer thread: one for all files of a process, started with its first task. */
import { Worker } from 'node:worker_threads'
import type { Done, Task } from './writer.worker.js'

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never

interface Waiting {
  readonly resolve: (done: Done) => void
  readonly reject: (error: Error) => void
}

export class WriterThread {
  #worker: Worker | undefined
  #ready = false
  #next = 1
  readonly #waiting = new Map<number, Waiting>()

  run(task: Unnumbered<Task>): Promise<Done> {
    const worker = (this.#worker ??= this.#start())
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ ...task, id })
    })
  }

  /** Whether the thread is up; begins to start it when it is not. Until then nobody should wait for it. */
  warm(): boolean {
    this.#worker ??= this.#start()
    return this.#ready
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #start(): Worker {
    const worker = startWorker()
    worker.unref()
    worker.on('message', (done: Done) => {
      this.#ready = true
      const waiting = this.#waiting.get(done.id)
      this.#waiting.delete(done.id)
      // An idle writer does not keep the process alive; one at work does.
      if (this.#waiting.size === 0) worker.unref()
      waiting?.resolve(done)
    })
    const lost = (error: Error) => {
      if (this.#worker === worker) {
        this.#worker = undefined
        this.#ready = false
      }
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
    worker.on('error', lost)
    worker.on('exit', () => lost(new Error('the writer thread has ended')))
    return worker
  }
}

const limits = { maxYoungGenerationSizeMb: 8 }

const startWorker = (): Worker => {
  const here = new URL(import.meta.url)
  if (!here.pathname.endsWith('.ts')) return new Worker(new URL('./writer.worker.js', here), { resourceLimits: limits })
  // Run from source (tests): Node strips the types, and imports that end with .js are looked up as .ts.
  const fromSource = `
    require('node:module').registerHooks({ resolve: (name, context, next) =>
      next(name.startsWith('.') && context.parentURL?.endsWith('.ts') ? name.replace(/\\.js$/, '.ts') : name, context) })
    import(${JSON.stringify(new URL('./writer.worker.ts', here).href)})`
  return new Worker(fromSource, { eval: true, resourceLimits: limits, execArgv: ['--no-warnings'] })
}
