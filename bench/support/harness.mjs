/**
 * What every benchmark shares: servers as child processes pinned to one core, a load generator that checks every answer,
 * CPU time by the kernel's accounting, alternating rounds of ours and its limit, and one result line.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync, existsSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serverEnvironment, serverFlags } from '../../tools/support/node.mjs'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const quick = process.argv.includes('--quick')
const serverCore = '0'
const ticksPerSecond = 100 // USER_HZ on Linux

/** User plus system seconds of a process and its threads so far; of several, their sum. */
export const cpuSeconds = (pid) => {
  if (Array.isArray(pid)) return pid.reduce((sum, one) => sum + cpuSeconds(one), 0)
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory of a process in megabytes. */
export const residentMegabytes = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024

export const temporaryFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'pavan-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const told = []
/** Prints a line, which the result file of a full run keeps as well. */
export const say = (line) => {
  told.push(line)
  console.log(line)
}

const cores = availableParallelism()
const canPin = process.platform === 'linux' && cores > 1
let ownCores = false
/** Takes this process off the servers' core. */
const leaveServerCore = () => {
  if (ownCores || !canPin) return
  ownCores = true
  spawnSync('taskset', ['-a', '-p', '-c', `1-${cores - 1}`, String(process.pid)])
}

/** Runs a Node program on one core and waits until it prints a line that matches. `input` goes to its standard input. */
export const startNode = async (file, { args = [], flags = [], env = {}, ready, input, ipc = false }) => {
  leaveServerCore()
  const command = canPin ? ['taskset', '-c', serverCore, process.execPath] : [process.execPath]
  const child = spawn(command[0], [...command.slice(1), ...flags, file, ...args], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])],
  })
  if (input) child.stdin.end(input)
  // A run that fails leaves no server behind.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.removeListener('exit', end))
  let output = ''
  const match = await new Promise((resolve, reject) => {
    const look = (chunk) => {
      output += chunk
      const found = ready.exec(output)
      if (found) resolve(found)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code} before it was ready:\n${output.slice(-4000)}`)))
  })
  return {
    pid: child.pid,
    match,
    output: () => output,
    /** Sends a message and waits for its answer. */
    ask: (message) =>
      new Promise((resolve, reject) => {
        child.once('message', resolve)
        child.once('exit', () => reject(new Error(`${file} ended:\n${output.slice(-4000)}`)))
        child.send(message)
      }),
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.once('exit', resolve)
        child.kill('SIGTERM')
      }),
  }
}

/** The all-in-one system on a data folder, run as `npm start` does, with the rate limits out of the way. */
export const startPavan = async (folder, env = {}) => {
  const server = await startNode(join(root, 'apps/all-in-one/dist/main.js'), {
    flags: serverFlags,
    env: { ...serverEnvironment, PAVAN_DATA: folder, PORT: '0', LOG_LEVEL: 'warn', PAVAN_RATE_LIMITS: 'off', ...env },
    ready: /(http:\/\/(?:localhost|127\.0\.0\.1):\d+)/,
  })
  const base = server.match[1]
  const operator = JSON.parse(readFileSync(join(folder, 'operator.json'), 'utf8'))
  return { ...server, base, operator }
}

/** A side of a comparison: calls of `once(worker)` over HTTP, so many at a time. */
export const side = (pid, concurrency, once) => ({ pid, run: (milliseconds) => load({ concurrency, milliseconds, once }) })

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

const once = (url, { method = 'GET', headers = {}, body } = {}) =>
  new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, agent, headers: body ? { ...headers, 'content-length': Buffer.byteLength(body) } : headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }))
      response.on('error', reject)
    })
    // A server may close an idle connection in the very moment in which it is used again (Node: request.reusedSocket).
    request.on('error', (error) => (error.code === 'ECONNRESET' && request.reusedSocket ? resolve(once(url, { method, headers, body })) : reject(error)))
    request.end(body)
  })

let refused = 0

/**
 * One HTTP request over a kept-alive connection; resolves with status, headers and text. A server that is too busy says when to come again
 * (503 with Retry-After), which is no success and no failure: it is asked again then, and the report says how often.
 */
export const call = async (url, options) => {
  for (;;) {
    const answer = await once(url, options)
    const wait = Number(answer.headers['retry-after'])
    if (answer.status !== 503 || !(wait > 0)) return answer
    refused++
    await new Promise((resolve) => setTimeout(resolve, wait * 1000))
  }
}

/** Keeps `concurrency` calls of `once(worker)` under way for a time; `once` throws when an answer is wrong. */
export const load = async ({ concurrency, milliseconds, once }) => {
  const started = performance.now()
  let done = 0
  const times = []
  await Promise.all(
    Array.from({ length: concurrency }, async (_, worker) => {
      while (performance.now() - started < milliseconds) {
        const before = performance.now()
        await once(worker)
        times.push(performance.now() - before)
        done++
      }
    }),
  )
  return { done, perSecond: done / ((performance.now() - started) / 1000), p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

/** Begins calls at a fixed rate, however long they take: the load of an outside world that does not wait. Throws when one is wrong. */
export const pace = async ({ perSecond, milliseconds, once }) => {
  const started = performance.now()
  const all = Math.floor((milliseconds / 1000) * perSecond)
  const running = []
  let done = 0
  let failure
  while (running.length < all && !failure) {
    const due = Math.min(all, Math.ceil(((performance.now() - started) / 1000) * perSecond))
    while (running.length < due)
      running.push(
        once().then(
          () => done++,
          (error) => (failure ??= error),
        ),
      )
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(running)
  if (failure) throw failure
  return { done, perSecond: done / ((performance.now() - started) / 1000) }
}

/** Milliseconds between two looks at the least, and the share of what has been waited: looking must not be what a system is busy with. */
const lookEvery = 5
const exactTo = 0.15

/** Milliseconds until `look` answers true; asked again and again. */
export const untilShown = async (look) => {
  const started = performance.now()
  for (;;) {
    if (await look()) return performance.now() - started
    await new Promise((resolve) => setTimeout(resolve, Math.max(lookEvery, (performance.now() - started) * exactTo)))
  }
}

export const percentile = (values, share) => {
  if (values.length === 0) return NaN
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

export const median = (values) => percentile(values, 0.5)

export const round = (value, digits = 3) => (Number.isFinite(value) ? Number(value.toFixed(digits)) : value)

/**
 * Alternating rounds: ours, limit, ours, limit … Each side is `{pid?, run(milliseconds) → {done, perSecond}}`.
 * A side that is called too rarely for its code to be compiled within the usual time names a longer `warmup`, in milliseconds.
 * The figures are medians over the rounds; the ratio is the median of the ratios of neighbouring rounds. `pid` may be several processes.
 */
export const compare = async ({ ours, limit, rounds = quick ? 3 : 5, milliseconds = quick ? 3000 : 8000, warmup = quick ? 5000 : 15_000 }) => {
  await limit.run(warmup)
  await ours.run(Math.max(warmup, ours.warmup ?? 0))
  const sides = { ours: [], limit: [] }
  for (let index = 0; index < rounds; index++) {
    for (const [name, side] of [
      ['limit', limit],
      ['ours', ours],
    ]) {
      const before = side.pid ? cpuSeconds(side.pid) : undefined
      const result = await side.run(milliseconds)
      const cpu = side.pid ? ((cpuSeconds(side.pid) - before) / result.done) * 1000 : undefined
      sides[name].push({ ...result, cpu })
      say(
        `  round ${index + 1} ${name.padEnd(5)} ${round(result.perSecond, 0)}/s` +
          (result.p50 === undefined ? '' : `  p50 ${round(result.p50, 2)} ms  p99 ${round(result.p99, 2)} ms`) +
          (cpu === undefined ? '' : `  ${round(cpu)} CPU s per 1,000`),
      )
    }
  }
  return {
    ours: median(sides.ours.map((r) => r.perSecond)),
    limit: median(sides.limit.map((r) => r.perSecond)),
    ratio: median(sides.ours.map((r, i) => r.perSecond / sides.limit[i].perSecond)),
    cpuSecondsPer1000: sides.ours[0].cpu === undefined ? null : median(sides.ours.map((r) => r.cpu)),
    limitCpuSecondsPer1000: sides.limit[0].cpu === undefined ? null : median(sides.limit.map((r) => r.cpu)),
    /** Successes in a second of processor time, by the limit's. */
    cpuRatio: sides.ours[0].cpu === undefined || sides.limit[0].cpu === undefined ? null : median(sides.ours.map((r, i) => sides.limit[i].cpu / r.cpu)),
  }
}

const short = (value) => (Array.isArray(value) ? value.map((one) => round(one)) : typeof value === 'number' ? round(value) : value)

/** The last line of a run: one JSON object, for machines. A scenario with two figures has lists in the place of numbers. */
export const resultLine = ({ scenario, ours, limit = null, ratio = null, must, aim, cpuSecondsPer1000 = null }) =>
  JSON.stringify({ scenario, ours: short(ours), limit: short(limit), ratio: short(ratio), must, aim, cpuSecondsPer1000: short(cpuSecondsPer1000) })

const version = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version

/** Prints versions and the result line, and keeps the full run as text in `bench/results/`. */
export const report = (scenario, { ours, limit = null, ratio = null, must, aim, cpuSecondsPer1000 = null, ...more }) => {
  const versions = `node ${process.version.slice(1)}, sqlite ${process.versions.sqlite}, oidc-provider ${version('oidc-provider')}, @nestjs/core ${version('@nestjs/core')}, ${cores} cores`
  say(`versions: ${versions}`)
  // Far more than the benchmark's own two or three says that the machine had other work, and that figures are pessimistic.
  say(`load average at the end: ${round(loadavg()[0], 1)}`)
  if (refused > 0) say(`refused for load and asked again: ${refused}`)
  for (const [name, value] of Object.entries(more))
    if (value !== null) say(`${name}: ${typeof value === 'number' ? round(value) : JSON.stringify(Array.isArray(value) ? short(value) : value)}`)
  say(resultLine({ scenario, ours, limit, ratio, must, aim, cpuSecondsPer1000 }))
  if (!quick && !process.argv.includes('--no-keep')) {
    const folder = join(root, 'bench/results')
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${scenario}.txt`), `${told.join('\n')}\n`)
  }
}
