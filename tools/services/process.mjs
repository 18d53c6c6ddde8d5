// Processes of servers: started with a log file, waited for, stopped by their process id, and never left behind.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** True while the process runs; a zombie does not. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // No /proc on this system: the signal above is all we know.
    return true
  }
}

/** What was handed out: nobody may listen there yet when the next one asks. */
const given = new Set()

/**
 * A port of 127.0.0.1 that nobody listens on, never the same twice. It lies below the range from which systems take the ports of outgoing connections:
 * a server that is killed and started again finds its port still free.
 */
export async function freePort() {
  for (let round = 0; round < 200; round += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (given.has(port)) continue
    given.add(port)
    if (await canListen(port)) return port
  }
  throw new Error('No free port was found between 20000 and 32000 on 127.0.0.1.')
}

const canListen = (port) =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

export const isOpen = (port) =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const done = (open) => {
      socket.destroy()
      resolve(open)
    }
    socket.setTimeout(1000, () => done(false))
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })

/** Asks until the answer is true; gives up when the process has ended or after `seconds`, with the end of its log. */
export async function waitFor(ask, { server, seconds = 60, what }) {
  const end = performance.now() + seconds * 1000
  for (;;) {
    if (await ask()) return
    if (!server.alive() || performance.now() > end) throw new Error(`${what} did not start.\n${server.lastWords()}`)
    await pause(40)
  }
}

let turns
/**
 * A dozen processes share a few processors here. With the batch policy of Linux (sched(7), SCHED_BATCH) one that wakes up lets the running one finish
 * its turn, which spares a tenth of the processor time. Where `chrt` (util-linux) is missing or may not do it, everything stays as it is.
 */
const inTurns = (program, args) => {
  turns ??= process.platform === 'linux' && spawnSync('chrt', ['--batch', '0', 'true']).status === 0
  return turns ? ['chrt', ['--batch', '0', program, ...args]] : [program, args]
}

const running = new Set()
const endAll = () => running.forEach((endNow) => endNow())

/** One listener for all: eleven are a leak to Node. */
function endWithThis(endNow, ended) {
  if (running.size === 0) process.on('exit', endAll)
  running.add(endNow)
  ended.then(() => {
    running.delete(endNow)
    if (running.size === 0) process.removeListener('exit', endAll)
  })
}

/** Starts a program whose output goes to the file `log`. */
export function startProcess(program, args, { log, env, cwd }) {
  const out = openSync(log, 'a')
  const child = spawn(...inTurns(program, args), { cwd, env: { ...process.env, ...env }, stdio: ['ignore', out, out] })
  closeSync(out)
  let failed
  const ended = new Promise((resolve) => {
    child.once('error', (error) => {
      failed = error
      resolve()
    })
    child.once('exit', () => resolve())
  })
  const alive = () => failed === undefined && child.exitCode === null && child.signalCode === null
  const guard = child.pid && guardOf(child.pid)
  ended.then(() => guard?.kill('SIGKILL'))
  const signal = (name) => alive() && child.kill(name)
  const endNow = () => signal('SIGKILL')
  endWithThis(endNow, ended)
  return {
    pid: child.pid,
    alive,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    /** Asks the process to end; after `seconds` it is killed. */
    async stop(name = 'SIGTERM', seconds = 5) {
      signal('SIGCONT')
      signal(name)
      await Promise.race([ended, pause(seconds * 1000, undefined, { ref: false })])
      await this.kill()
    },
    async kill() {
      endNow()
      await ended
    },
    lastWords: () => failed?.message ?? readFileSync(log, 'utf8').split('\n').slice(-15).join('\n'),
  }
}

/** A process of its own that waits for the end of this one, however it comes, and then kills the server. */
function guardOf(pid) {
  if (process.platform === 'win32') return undefined
  const guard = spawn('/bin/sh', ['-c', `cat >/dev/null; kill -9 ${pid}`], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  guard.on('error', () => {})
  guard.unref()
  guard.stdin.on('error', () => {})
  guard.stdin.unref?.()
  return guard
}

/** Runs a program to its end and returns its output; throws with its words when it fails. */
export function runToEnd(program, args, { env, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${program} ${args[0] ?? ''} ended with ${code}:\n${output.split('\n').slice(-15).join('\n')}`)),
    )
  })
}

/** As `runToEnd`, for a program that fetches something: after a failure, such as a registry that is away for a moment, it runs again, twice at most. */
export async function fetchToEnd(program, args, { wait = 3000, ...options } = {}) {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await runToEnd(program, args, options)
    } catch (error) {
      // ENOENT and the like: the program itself is missing.
      if (attempt === 3 || error.code !== undefined) throw error
      await pause(wait * attempt)
    }
}
