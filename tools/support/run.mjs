// Builds and runs an application of apps/ under Node 24.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build } from '../build.mjs'
import { root, serverNode, stop } from './node.mjs'

/** Brings dist up to date with a line of progress; a syntax error ends the process with the compiler's message. */
export async function buildOrStop() {
  try {
    await build({ onStart: (count) => console.error(`Building ${count} files.`) })
  } catch (error) {
    stop(String(error.message ?? error), 'Mend the file named above, then run the same command again.')
  }
}

/**
 * Flags of Node for an application. Young objects get 32 MB instead of 16 before they are collected: nearly all of what a request makes is
 * gone when it has been answered, and half as many collections are a tenth less work in all.
 */
export const serverFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=32']

/** Starts an application in a process of its own; the first SIGINT, SIGTERM or SIGHUP is passed on, so that it can end in order. */
export function run(app, args = []) {
  const child = spawn(serverNode(), [...serverFlags, join(root, 'apps', app, 'dist', 'main.js'), ...args], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: join(root, '.cache', 'v8'), ...process.env },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const pass = () => child.kill(signal)
    process.on(signal, pass)
    child.once('exit', () => process.removeListener(signal, pass))
  }
  return child
}
