/** Under mixed load everything that is acknowledged is there, once and in order, and the views equal views built from nothing. */
import { call } from './support/http.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { makeTenant } from './support/tenant.js'
import { operatorToken } from './support/tokens.js'
import { Workload } from './support/workload.js'

interface Readiness {
  readonly services: readonly { service: string; consumers: readonly { view?: string; building?: boolean; pending: number }[] }[]
}

test('nothing is lost, doubled or out of order, and a rebuild changes nothing', async () => {
  await using system = await System.start()
  const tenant = await makeTenant(system, 'workload')
  const workload = new Workload(system, tenant, { seed: 7 })
  await workload.prepare(5)
  workload.start(20)
  await eventually(async () => workload.acknowledged >= 200, 60_000)
  await workload.stop()
  expect(await workload.verify()).toEqual([])

  const before = await workload.snapshot()
  const readiness = async () => (await call<Readiness>(`${system.base}/readyz`)).json
  const token = await operatorToken(system)
  for (const { service, consumers } of (await readiness()).services)
    for (const { view } of consumers)
      if (view) expect((await call(`${system.base}/api/v1/system/${service}/views/${view}/rebuild`, { method: 'POST', token })).status).toBe(202)
  // Every view of every service at once, from everything that other specs have left: two busy processors have needed 80 s.
  await eventually(async () => (await readiness()).services.every(({ consumers }) => consumers.every(({ building }) => !building)), 240_000)
  expect(await workload.snapshot()).toBe(before)
}, 420_000)
