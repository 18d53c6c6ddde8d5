/** The sample application as a user starts it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { root } from './root.js'

/** A port that is free now. The demo's address is registered before it listens, so it cannot choose one itself. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface Demo {
  readonly url: string
  readonly output: string
  readonly pavan: string
  stop(): Promise<number | null>
}

/** The built demo in a process of its own, once it is ready. */
export const startDemo = async (env: Record<string, string>): Promise<Demo> => {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(JEST_|npm_|NODE_|PAVAN_)/.test(name)))
  const child: ChildProcess = spawn(process.execPath, [join(root, 'apps/demo/dist/main.js')], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.includes('Ctrl-C ends')) resolve()
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.once('exit', (code) => reject(new Error(`the demo ended with ${code}: ${output}`)))
  })
  const find = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? ''
  return {
    url: find(/The demo is ready at (\S+)/),
    output,
    pavan: find(/Pavan itself: (\S+)/),
    async stop() {
      if (child.exitCode !== null) return child.exitCode
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      return (await exited)[0] as number | null
    },
  }
}
