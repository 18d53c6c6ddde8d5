// `npm run dev [app]`: builds, runs, and on every change of a source compiles that file and restarts. A syntax error leaves the old program running.
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, root } from './support/node.mjs'
import { buildOrStop, run } from './support/run.mjs'
import { watchTree } from './support/watch-tree.mjs'

requireNode()
await ensureInstalled()
await buildOrStop()
const [app = 'all-in-one', ...args] = process.argv.slice(2)
let child
let ending = false

function start() {
  const started = run(app, args)
  child = started
  started.once('exit', (code) => {
    if (ending) process.exit(code ?? 0)
    if (child === started) console.error(`[dev] the program ended with ${code ?? 'a signal'}; waiting for a change`)
  })
}

function stopChild() {
  const old = child
  child = undefined
  if (!old || old.exitCode !== null || old.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const late = setTimeout(() => old.kill('SIGKILL'), 1500)
    old.once('exit', () => {
      clearTimeout(late)
      resolve()
    })
    old.kill('SIGTERM')
  })
}

async function refresh() {
  const began = performance.now()
  try {
    const count = await build()
    if (count === 0) return
    await stopChild()
    start()
    console.error(`[dev] ${count} file${count === 1 ? '' : 's'} built, restarted after ${Math.round(performance.now() - began)} ms`)
  } catch (error) {
    console.error(`[dev] ${error.message ?? error}`)
  }
}

let running = Promise.resolve()
let timer
const onChange = (file) => {
  if (!/(^|[\\/])src[\\/]/.test(file) || file.endsWith('.spec.ts')) return
  clearTimeout(timer)
  timer = setTimeout(() => (running = running.then(refresh)), 40)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => ((ending = true), child ?? process.exit(0)))
start()
for (const group of ['libs', 'apps']) watchTree(join(root, group), onChange)
console.error('[dev] watching libs and apps')
