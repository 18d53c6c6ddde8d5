/**
 * Promise 4, second half: after a power loss everything acknowledged is there, once. The folder is put together as fsync saw it
 * (../support/fsync-image.ts), from the very first start on. Of the embedded store alone: other stores have their own disks.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CrashLoad } from '../support/crash-load.js'
import { EmbeddedSystem } from '../support/embedded-system.js'
import { FsyncImage, recorded, recorder, type Loss } from '../support/fsync-image.js'
import { histories, rounds } from '../support/histories.js'
import { call } from '../support/http.js'
import { idle, rebuildViews } from '../support/views.js'

const canRecord = process.platform === 'linux' && spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
if (!canRecord && process.env.CI === 'true') throw new Error('strace is needed to record what is written: apt-get install strace')

/** Every row of every view, by service and table. What is sealed has another nonce in each copy. */
const rowsOfViews = (folder: string): Record<string, readonly string[]> => {
  const tables: Record<string, readonly string[]> = {}
  for (const service of readdirSync(folder).filter((name) => existsSync(join(folder, name, 'views.db')))) {
    const db = new DatabaseSync(join(folder, service, 'views.db'), { readOnly: true })
    const names = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 't\\_%' ESCAPE '\\'`).all() as { name: string }[]
    // Of a table in several generations the newest counts; an older one is kept for a while.
    const generation = (name: string): number => Number(/_v(\d+)$/.exec(name)?.[1])
    for (const { name } of names.toSorted((a, b) => generation(a.name) - generation(b.name))) {
      const table = `${service}/${name.replace(/^t_|_v\d+$/g, '')}`
      if (/parked-events|view-pointers|view-versions/.test(table)) continue
      const rows = db.prepare(`SELECT key, row FROM "${name}" ORDER BY key`).all() as { key: string; row: string }[]
      tables[table] = rows.map(({ key, row }) => `${key} ${row.replaceAll(/"\[\\"[^\]]*\\"\]"/g, 'sealed')}`)
    }
    db.close()
  }
  return tables
}

const test_ = canRecord ? test.concurrent : test.skip
test_.each(histories)(
  `a power loss under load, ${rounds} rounds, the %s history`,
  async () => {
    const place = mkdtempSync(join(tmpdir(), 'pavan-power-'))
    const folder = join(place, 'data')
    const load = new CrashLoad()
    let port = 0
    let totalLost = 0
    try {
      for (let round = 0; round < rounds; round++) {
        const loss: Loss = round % 3 === 2 ? 'by-chance' : 'everything'
        const image = new FsyncImage(folder)
        const record = join(place, `record-${round}`)
        {
          // What goes to disk through io_uring is no system call of its own: without it everything can be seen.
          await using system = await EmbeddedSystem.start({ folder, port, wrap: recorder(record), env: { UV_USE_IO_URING: '0' } })
          port = Number(new URL(system.base).port)
          const before = load.acknowledged
          await load.during(system, 8, async () => {
            const enough = before + randomInt(20, 80)
            while (load.acknowledged < enough) await new Promise((later) => setTimeout(later, 10))
            await load.checkpoint(system)
            await system.kill()
          })
          await recorded(record, system.pid)
        }
        await image.replay(record)
        rmSync(record)
        const { lost, files } = image.restore(loss, Math.random)
        totalLost += lost
        if (process.env.PAVAN_POWER_SHOW) process.stderr.write(`${loss}: ${image.writes} writes, ${image.syncs} syncs, ${lost} lost in ${files} files\n`)

        await using system = await EmbeddedSystem.start({ folder, port })
        await load.check(system)
        if (round < rounds - 1) continue
        // Not one view is a row away from what the events say.
        await idle(system)
        const { token } = load
        const kept = rowsOfViews(folder)
        await rebuildViews(system, token)
        const rebuilt = rowsOfViews(folder)
        expect(Object.keys(rebuilt).length).toBeGreaterThan(40)
        expect(rebuilt).toEqual(kept)
        expect((await call(`${system.base}/readyz`)).json.status).toBe('ok')
      }
      // A record in which nothing is lost would prove nothing.
      expect(totalLost).toBeGreaterThan(0)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  },
  900_000,
)
