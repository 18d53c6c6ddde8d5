/** How a process of services ends while others go on asking. */
import { SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { Pool } from 'undici'
import { runAlone } from '../testing/run-alone.js'
import { defineService } from './define-service.js'

test('the end cuts off nobody who keeps connections open and goes on asking: each is answered, or cannot connect', async () => {
  const adapters = sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) })
  const running = await runAlone(defineService({ name: 'notes', title: 'Notes', routes: [] }), adapters)
  const pool = new Pool(running.baseUrl.replace('localhost', '127.0.0.1'), { connections: 4 })
  const statuses = new Set<number>()
  const asking = Array.from({ length: 4 }, async () => {
    for (;;) {
      const answer = await pool.request({ method: 'GET', path: '/healthz' }).catch((error: { code?: string }) => error.code)
      if (typeof answer !== 'object') return answer
      statuses.add(answer.statusCode)
      await answer.body.dump()
    }
  })
  // Somebody who has a connection and nothing to ask.
  const idle = new Pool(running.baseUrl.replace('localhost', '127.0.0.1'), { connections: 1 })
  await (await idle.request({ method: 'GET', path: '/healthz' })).body.dump()
  await running.close()
  expect(await Promise.all(asking)).toEqual(Array(4).fill('ECONNREFUSED'))
  expect(statuses).toEqual(new Set([200]))
  await Promise.all([pool.destroy(), idle.destroy()])
})
