/** Promise 4: whatever was acknowledged is there after `kill -9`, once. */
import { rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { call } from '../support/http.js'
import { eventually } from '../support/parallel.js'
import { EmbeddedSystem } from '../support/embedded-system.js'
import { machineToken } from '../support/tokens.js'

const rounds = process.env.PAVAN_LONG === '1' ? 20 : 3

test(`kill -9 under load, ${rounds} rounds: nothing acknowledged is lost or doubled`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pavan-crash-'))
  const acknowledged = new Set<string>()
  let sent = 0
  let system = await EmbeddedSystem.start({ folder })
  const port = Number(new URL(system.base).port)
  try {
    for (let round = 0; round < rounds; round++) {
      const token = await eventually(() => machineToken({ ...system.operator, issuer: `${system.base}/t/main` }).catch(() => undefined))
      await eventually(async () => (await call(`${system.base}/api/v1/admin/tenant`, { token })).status === 200)
      const end = Date.now() + randomInt(150, 700)
      let dead = false
      const writer = async (): Promise<void> => {
        while (!dead) {
          const name = `application-${++sent}`
          const answer = await call(`${system.base}/api/v1/admin/applications`, { token, json: { name } }).catch(() => undefined)
          if (answer?.status === 201) acknowledged.add(name)
        }
      }
      const writers = Array.from({ length: 8 }, writer)
      await eventually(async () => Date.now() > end)
      await system.kill()
      dead = true
      await Promise.all(writers)
      system = await EmbeddedSystem.start({ folder, port })
      const names = await listed(system)
      expect(new Set(names).size).toBe(names.length)
      expect([...acknowledged].filter((name) => !names.includes(name))).toEqual([])
    }
    // The view that was kept up and one that is built from nothing show the same.
    const before = (await listed(system)).sort()
    const token = await machineToken({ ...system.operator, issuer: `${system.base}/t/main` })
    expect((await call(`${system.base}/api/v1/system/admin/views/applications/rebuild`, { method: 'POST', token })).status).toBe(202)
    await eventually(async () => {
      const ready = (await call(`${system.base}/readyz`)).json as {
        services: { service: string; consumers: { view?: string; building?: boolean; pending: number }[] }[]
      }
      return ready.services.find(({ service }) => service === 'admin')?.consumers.every(({ building, pending }) => !building && pending === 0)
    })
    expect((await listed(system)).sort()).toEqual(before)
  } finally {
    await system.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}, 240_000)

const listed = async (system: EmbeddedSystem): Promise<string[]> => {
  const token = await eventually(() => machineToken({ ...system.operator, issuer: `${system.base}/t/main` }).catch(() => undefined))
  const names: string[] = []
  let cursor = ''
  do {
    const { items, next } = (await call(`${system.base}/api/v1/admin/applications?limit=100${cursor}`, { token })).json as {
      items: { name: string }[]
      next?: string
    }
    names.push(...items.map(({ name }) => name).filter((name) => name.startsWith('application-')))
    cursor = next === undefined ? '' : `&cursor=${encodeURIComponent(next)}`
  } while (cursor)
  return names
}
