/** A copy whose clock is wrong does not join: expiry would be decided differently by two copies. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { DistributedSystem } from '../support/distributed-system.js'
import { root } from '../support/root.js'

const start = async (env: Readonly<Record<string, string>>, milliseconds: number): Promise<{ readonly code: number | null; readonly output: string }> => {
  const flags = ['--disable-warning=ExperimentalWarning', '--import', join(root, 'e2e/support/shifted-clock.mjs')]
  const child = spawn(process.execPath, [...flags, join(root, 'apps/admin/dist/main.js')], {
    env: { ...process.env, ...env, NODE_OPTIONS: '', PORT: '0', PAVAN_SPEC_CLOCK_MS: String(milliseconds) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.on('data', (part: Buffer) => (output += part))
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, output })))
}

test.each([
  ['ahead', 300_000],
  ['behind', -300_000],
])(
  'a clock five minutes %s is told in two sentences, and the copy ends',
  async (_, shift) => {
    const { env } = await DistributedSystem.start()
    const { code, output } = await start(env, shift)
    expect(output).toMatch(/The clock is (299|300|301) s away from that of the database server\.\nSynchronise the clocks of both machines/)
    expect(code).toBe(1)
  },
  120_000,
)
