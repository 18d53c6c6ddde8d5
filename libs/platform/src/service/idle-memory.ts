/**
 * Gives back what starting took. Modules, schemas and contexts are made once and leave a third of the heap as holes, which V8 would keep for a
 * busy time that may not come. Done once, in the first quiet half second after the start; it takes about 0.2 s. Needs `--expose-gc`.
 */
import { performance } from 'node:perf_hooks'

/** Share of time that the event loop may be at work in a quiet moment. */
const quiet = 0.05
const lookEveryMillis = 500
/** A process that is never quiet needs its memory. */
const looks = 120

export const tidyWhenQuiet = (collect: NodeJS.GCFunction | undefined = globalThis.gc, lookEvery = lookEveryMillis): void => {
  if (!collect) return
  let left = looks
  let before = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    if (utilization > quiet && --left > 0) return
    clearInterval(timer)
    if (utilization <= quiet) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }, lookEvery).unref()
}
