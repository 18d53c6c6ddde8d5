import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startProcess } from './process.mjs'

const folder = mkdtempSync(join(tmpdir(), 'pavan-process-spec-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('however many run, one listener ends them with this process, and it goes with the last', async () => {
  const before = process.listeners('exit')
  const started = Array.from({ length: 12 }, () => startProcess('sleep', ['600'], { log: join(folder, 'log'), env: {}, cwd: folder }))
  const alive = () => started.filter((one) => one.alive()).length
  try {
    const added = process.listeners('exit').filter((listener) => !before.includes(listener))
    expect(added).toHaveLength(1)
    await started[0]?.kill()
    expect([alive(), process.listeners('exit').includes(added[0]!)]).toEqual([11, true])
    added[0]?.(0)
    for (let looks = 0; alive() > 0 && looks < 1000; looks += 1) await pause(5)
    expect(alive()).toBe(0)
  } finally {
    await Promise.all(started.map((one) => one.kill()))
  }
  expect(process.listeners('exit')).toEqual(before)
})
