/** What the process itself reports. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { metrics } from './metrics.js'

/** Milliseconds between two ticks of the measuring timer; an idle loop shows this. */
const resolution = 10

const loopDelay = metrics.gauge('pavan_event_loop_delay_seconds', {
  description: 'How late the event loop was since the last time somebody asked: the median, the 99th percentile and the worst.',
  unit: 's',
  labels: ['quantile'],
})
const memory = metrics.gauge('pavan_process_memory_bytes', { description: 'Resident memory of the process.', unit: 'By' })

/** Begins to measure. Returns how to stop. */
export const watchProcess = (): (() => void) => {
  const delays = monitorEventLoopDelay({ resolution })
  delays.enable()
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolution / 1e3) || 0
  const stops = [
    loopDelay.observe((report) => {
      report(late(delays.percentile(50)), { quantile: '0.5' })
      report(late(delays.percentile(99)), { quantile: '0.99' })
      report(late(delays.max), { quantile: '1' })
      delays.reset()
    }),
    memory.observe((report) => report(process.memoryUsage.rss())),
  ]
  return () => {
    delays.disable()
    for (const stop of stops) stop()
  }
}
