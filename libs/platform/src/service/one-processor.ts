/**
 * On one processor, whatever wakes up the main thread interrupts a password hash, whose 19 MB then push the main thread's data out of the caches, and so on
 * in turns. The batch policy of Linux (sched(7), SCHED_BATCH) keeps every thread's share of the processor, and lets a thread that wakes up wait until
 * the running one's turn is over, a few milliseconds: less is interrupted, and what came meanwhile is done in one go.
 * With more processors there is room for both, and nothing to gain.
 */
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Where `chrt` (util-linux) is missing, or may not do it, everything stays as it is. */
export const takeTurns = (processors = availableParallelism()): void => {
  if (process.platform !== 'linux' || processors > 1) return
  execFile('chrt', ['--batch', '--all-tasks', '--pid', '0', String(process.pid)], { timeout: 5_000 }, () => undefined).unref()
}
