// `npm start`: installs what is missing, builds what changed, runs an application (all-in-one by default) and passes signals on.
// `node tools/start.mjs <app> [arguments…]` runs another one of apps/.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, root, stop } from './support/node.mjs'
import { buildOrStop, run } from './support/run.mjs'

requireNode()
const [app = 'all-in-one', ...args] = process.argv.slice(2)
if (!existsSync(join(root, 'apps', app, 'package.json'))) stop(`There is no application "${app}".`, 'The folder apps/ holds them, all-in-one is the default.')
await ensureInstalled()
await buildOrStop()
const child = run(app, args)
child.once('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal)
  else process.exit(code ?? 1)
})
