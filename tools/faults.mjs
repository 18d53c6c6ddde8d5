// `npm run faults`: breaks processes, brokers and the database of a distributed system under load, again and again, and looks for everything
// afterwards: PAVAN_ROUNDS times (5), with PAVAN_RATE commands a second (50). `-- --quick` does every fault once and more shortly.
// PAVAN_SEED repeats a run.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { available } from './services/available.mjs'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, root, serverNode, stop } from './support/node.mjs'
import { buildOrStop } from './support/run.mjs'

requireNode()
await ensureInstalled()
await buildOrStop()
const wanted = available()
for (const name of ['kafka', 'mongo-documentdb']) if (!wanted[name].possible) stop(`${wanted[name].problem}.`, `${wanted[name].remedy}.`)
const jest = ['--experimental-vm-modules', '--no-warnings', join(root, 'node_modules/jest/bin/jest.js'), '--testPathPatterns', '/e2e/faults/', '--runInBand']
const child = spawn(serverNode(), jest, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PAVAN_TOPOLOGY: 'distributed', PAVAN_FAULTS: process.argv.includes('--quick') ? 'quick' : 'long' },
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal))
child.once('exit', (code) => process.exit(code ?? 1))
