// Our event store on a folder, opened as the applications open it, for benchmarks of the store alone.
import { SystemClock } from '../../libs/kernel/dist/clock.js'
import { sqliteAdapters } from '../../libs/adapters/sqlite/dist/sqlite-adapters.js'

export const openStore = async (folder) => {
  const adapters = sqliteAdapters({ folder, clock: new SystemClock(), claimKey: new Uint8Array(32).fill(7) })
  const { store } = await adapters.portsFor('bench')
  const append = (id, event) => store.append({ tenant: 'ten_bench', category: 'bench', id }, [event], { expected: 0 })
  return { store, append, close: () => adapters.close() }
}

/** One event as a token makes it. */
export const sampleEvent = (number) => ({
  id: `evt_${String(number).padStart(26, '0')}`,
  type: 'access-token.issued',
  schema: 1,
  at: Date.now(),
  data: { client: 'cli_01j9z3f8k2m4n6p8q0r2s4t6v8', grant: 'client_credentials', scopes: ['orders:read'], resource: 'https://api.example.org' },
  meta: { actor: { type: 'client', id: 'cli_01j9z3f8k2m4n6p8q0r2s4t6v8' }, requestId: 'req_01j9z3f8k2m4n6p8q0r2s4t6v8' },
})
