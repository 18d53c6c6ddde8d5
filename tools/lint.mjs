// `npm run lint`: rules and import boundaries (oxlint), formatting (oxfmt), dead exports and dependencies (knip), the lock file. All of them run, then it fails.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { requireNode, root, serverNode } from './support/node.mjs'

requireNode()
const steps = {
  'rules and boundaries': ['node_modules/oxlint/bin/oxlint', '--deny-warnings'],
  formatting: ['node_modules/oxfmt/bin/oxfmt', '--check'],
  'dead exports': ['node_modules/knip/bin/knip.js', '--no-config-hints'],
  'lock file': ['tools/lock-complete.mjs', '--check'],
}
const remedies = { formatting: 'Run: npm run format' }
const failed = []
for (const [name, [program, ...args]] of Object.entries(steps)) {
  const { status } = spawnSync(serverNode(), [join(root, program), ...args], { cwd: root, stdio: 'inherit' })
  if (status === 0) continue
  failed.push(name)
  if (remedies[name]) console.error(remedies[name])
}
console.log(failed.length === 0 ? `lint: ${Object.keys(steps).join(', ')}: all fine` : `lint failed: ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)
