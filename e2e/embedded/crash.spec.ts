/** Promise 4: whatever was acknowledged is there after `kill -9`, once, and every view is as if it had been built without a crash. */
import { rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { CrashLoad } from '../support/crash-load.js'
import { EmbeddedSystem } from '../support/embedded-system.js'
import { histories, rounds } from '../support/histories.js'
import { everythingShown, idle, rebuildViews } from '../support/views.js'

test.concurrent.each(histories)(
  `kill -9 under load, ${rounds} rounds, the %s history: nothing acknowledged is lost or doubled`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pavan-crash-'))
    const load = new CrashLoad()
    let system = await EmbeddedSystem.start({ folder })
    const port = Number(new URL(system.base).port)
    try {
      for (let round = 0; round < rounds; round++) {
        const before = load.acknowledged
        await load.during(system, 8, async () => {
          await new Promise((resolve) => setTimeout(resolve, randomInt(150, 900)))
          await load.checkpoint(system)
          await system.kill()
        })
        expect(load.acknowledged).toBeGreaterThan(before)
        system = await EmbeddedSystem.start({ folder, port })
        await load.check(system)
      }

      // The views that were kept up through all of it and those that are built from nothing show the same.
      await idle(system)
      const { token } = load
      const ids = async (path: string, key = 'id') => (await load.list<Record<string, string>>(system, path)).slice(-5).map((one) => one[key] as string)
      const users = await ids('identity/users')
      const samples = {
        application: await ids('admin/applications'),
        client: await ids('admin/clients'),
        key: ['crash', 'administrator'],
        user: users,
        subject: users,
        metric: ['sign-ups', 'sign-ins', 'active-users'],
      }
      const before = await everythingShown(system, token, samples)
      expect(Object.keys(before).length).toBeGreaterThan(40)
      expect(await rebuildViews(system, token)).toBeGreaterThan(30)
      expect(await everythingShown(system, token, samples)).toEqual(before)
    } finally {
      await system.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
  900_000,
)
