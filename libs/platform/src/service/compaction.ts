/** Rewrites what deleted values may still lie in: free pages, logs. Done after an erasure, before its receipt is signed. */
import type { Adapters } from './adapters.js'

export abstract class Compaction {
  /** Resolves when no deleted byte is left; `false` when the technology keeps files that are not ours to rewrite. */
  abstract run(): Promise<boolean>
}

export const compactionOf = (adapters: Adapters): Compaction => ({
  run: async () => {
    if (!adapters.checkpointAndVacuum) return false
    await adapters.checkpointAndVacuum()
    return true
  },
})
