// Builds and runs an application of apps/ under Node 24.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build } from '../build.mjs'
import { root, serverEnvironment, serverFlags, serverNode, stop } from './node.mjs'

/** Brings dist up to date with a line of progress; a syntax error ends the process with the compiler's message. */
export async function buildOrStop() {
  try {
    await build({ onStart: (count) => console.error(`Building ${count} files.`) })
  } catch (error) {
    stop(String(error.message ?? error), 'Mend the file named above, then run the same command again.')
  }
}

/** Starts an application in a process of its own; the first SIGINT, SIGTERM or SIGHUP is passed on, so that it can end in order. */
export function run(app, args = []) {
  const child = spawn(serverNode(), [...serverFlags, join(root, 'apps', app, 'dist', 'main.js'), ...args], {
    stdio: 'inherit',
    env: { ...serverEnvironment, ...process.env },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const pass = () => child.kill(signal)
    process.on(signal, pass)
    child.once('exit', () => process.removeListener(signal, pass))
  }
  return child
}
