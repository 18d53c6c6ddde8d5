// `npm run bench -- <scenario> [--quick]` runs bench/<scenario>.bench.mjs; without a name it lists the scenarios.
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, root, serverNode, stop } from './support/node.mjs'
import { buildOrStop } from './support/run.mjs'

requireNode()
const suffix = '.bench.mjs'
const scenarios = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
  .sort()
const [name, ...args] = process.argv.slice(2)
if (!name || name.startsWith('-')) {
  console.log('npm run bench -- <scenario> [--quick]\n')
  for (const scenario of scenarios) console.log(`  ${scenario.padEnd(16)} ${firstComment(scenario)}`)
} else if (!scenarios.includes(name)) {
  stop(`There is no benchmark "${name}".`, `Known are: ${scenarios.join(', ')}.`)
} else {
  await ensureInstalled()
  await buildOrStop()
  const child = spawn(serverNode(), ['--disable-warning=ExperimentalWarning', join('bench', name + suffix), ...args], { cwd: root, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.once('exit', (code) => process.exit(code ?? 1))
}

function firstComment(scenario) {
  const [line = ''] = readFileSync(join(root, 'bench', scenario + suffix), 'utf8').split('\n')
  return line.replace(/^\/[/*]+\s*/, '').replace(/\s*\*\/$/, '')
}
