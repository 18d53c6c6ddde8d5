// `npm test`: installs and builds what is missing, runs every tier of specs and prints the sum as its last line.
// `npm test -- <path>…` runs only the specs whose path matches. PAVAN_LONG=1 asks for the long form of the slow proofs.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { ensureInstalled } from './support/install.mjs'
import { requireNode, root, serverNode, stop } from './support/node.mjs'
import { buildOrStop } from './support/run.mjs'

requireNode()
const paths = process.argv.slice(2)
if (paths.some((path) => path.startsWith('-'))) {
  console.log(
    'npm test [-- <path>…]\n\n  Without a path: every tier. With paths: only the specs whose path matches one of them.\n  PAVAN_LONG=1 asks for the long form of the slow proofs.',
  )
  process.exit(paths.some((path) => ['-h', '--help'].includes(path)) ? 0 : 1)
}
await ensureInstalled()
await buildOrStop()

const inCi = process.env.CI === 'true'
const browser = findBrowser()
const results = mkdtempSync(join(tmpdir(), 'pavan-test-'))
const hasSpecs = (folder) => existsSync(join(root, folder)) && readdirSync(join(root, folder), { recursive: true }).some((file) => file.endsWith('.spec.ts'))

// Specs of the adapters that stand on servers, and of the servers.
const onServers = '/(libs/adapters/(mongo|kafka)|tools/services|examples)/'
const ignore = (...patterns) => ['--testPathIgnorePatterns', '/node_modules/', ...patterns]

// The order is from fast to slow. End-to-end specs each start a system of their own, so they run one after the other: some measure time.
// The same specs run on the embedded and on the distributed system; those in e2e/embedded are about the embedded one.
const tiers = [
  { name: 'units and services', arguments: [...ignore('/e2e/', onServers), '--maxWorkers=2'] },
  { name: 'end to end', folder: 'e2e', arguments: ['--testPathPatterns', '/e2e/', ...ignore('/e2e/(browser|distributed|faults)/'), '--runInBand'] },
  { name: 'browser', folder: 'e2e/browser', needsBrowser: true, arguments: ['--testPathPatterns', '/e2e/browser/', '--runInBand'] },
  // Some wait for servers of their own to come and go, and the others need not wait for that.
  { name: 'servers', needsServers: true, arguments: ['--testPathPatterns', onServers, '--maxWorkers=2'] },
  {
    name: 'end to end, distributed',
    folder: 'e2e',
    needsServers: true,
    distributed: true,
    arguments: ['--testPathPatterns', '/e2e/', ...ignore(`/e2e/(embedded|faults${browser ? '' : '|browser'})/`), '--runInBand'],
  },
  {
    name: 'faults',
    folder: 'e2e/faults',
    // Five minutes: on a user's machine they are asked for by name.
    command: 'npm run faults -- --quick',
    ownServers: ['kafka', 'mongo-documentdb'],
    env: { PAVAN_TOPOLOGY: 'distributed', PAVAN_FAULTS: 'quick' },
    arguments: ['--testPathPatterns', '/e2e/faults/', '--runInBand'],
  },
]

const total = { passed: 0, failed: 0 }
const notes = []
const failures = []
if (paths.length > 0) await runTier({ name: paths.join(' '), arguments: ['--testPathPatterns', ...paths] })
else for (const tier of tiers) await runTier(tier)
rmSync(results, { recursive: true, force: true })
// Once more at the end: what went wrong is far above by now, and many logs keep only their end.
for (const failure of failures) console.log(failure)
for (const note of notes) console.log(note)
if (total.passed + total.failed === 0) console.log('No test ran, which counts as a failure.')
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

async function runTier(tier) {
  if (tier.folder && !hasSpecs(tier.folder)) return
  if (tier.needsBrowser && !browser) {
    const remedy = 'install Chromium (Debian: apt-get install chromium) or name one in PAVAN_CHROMIUM'
    notes.push(inCi ? `The browser specs cannot run here, which counts as a failure in CI: ${remedy}.` : `The browser specs were left out: ${remedy}.`)
    if (inCi) total.failed += 1
    return
  }
  if (tier.command && !inCi) return void notes.push(`The ${tier.name} were left out: ${tier.command} runs them.`)
  if (tier.ownServers && !(await canStart(tier, tier.ownServers))) return
  const servers = tier.needsServers ? await serversFor(tier) : undefined
  if (tier.needsServers && !servers) return
  console.log(`\n== ${tier.name}`)
  const system = tier.distributed ? await launchFor(servers) : undefined
  const report = join(results, `${tier.name.replace(/\W+/g, '-')}.json`)
  const jest = [
    '--experimental-vm-modules',
    '--no-warnings',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...tier.arguments,
    // Clients that specs have cut off from their servers go on trying for a while after the last spec.
    ...(tier.needsServers || tier.ownServers ? ['--forceExit'] : []),
    '--json',
    `--outputFile=${report}`,
  ]
  const code = await spawned(serverNode(), jest, { ...tier.env, ...servers?.env, ...system?.env })
  await system?.stop()
  await servers?.stop()
  const { passed, failed } = count(report, code)
  total.passed += passed
  total.failed += failed
  console.log(`== ${tier.name}: ${passed} passed, ${failed} failed`)
}

function count(report, code) {
  if (!existsSync(report)) return { passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, testResults } = JSON.parse(readFileSync(report, 'utf8'))
  failures.push(...testResults.flatMap(failuresOf))
  const failed = numFailedTests + numRuntimeErrorTestSuites
  // Something else went wrong, such as a broken global set-up: never green.
  return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed }
}

/** What failed in one file: a line with its name and the first lines of its message. */
function failuresOf({ name, message, assertionResults }) {
  const failed = assertionResults.filter(({ status }) => status === 'failed')
  const whole = assertionResults.length === 0 && message ? [{ fullName: 'did not run', failureMessages: [message] }] : []
  const start = (text) => stripVTControlCharacters(text).split('\n').slice(0, 40).join('\n')
  return [...failed, ...whole].map(({ fullName, failureMessages }) => `✕ ${relative(root, name)}: ${fullName}\n${failureMessages.map(start).join('\n')}\n`)
}

/** Kafka and a MongoDB server for the whole tier; undefined when this machine cannot run them, with a note. */
async function serversFor(tier) {
  // The whole system runs on the faithful server; its adapters are also run on the fast one.
  const mongo = tier.distributed ? 'documentdb' : 'java'
  const given = { kafka: process.env.KAFKA_BROKERS, [`mongo-${mongo}`]: process.env.MONGODB_URL }
  const wanted = Object.keys(given).filter((name) => !given[name])
  if (!(await canStart(tier, wanted))) return undefined
  const { startServers } = await import('./services/start.mjs')
  return startServers({ mongo })
}

/** Whether this machine can run the servers of these names; if not, with a note. */
async function canStart(tier, names) {
  const { available } = await import('./services/available.mjs')
  const missing = Object.entries(available()).filter(([name, { possible }]) => names.includes(name) && !possible)
  if (missing.length === 0) return true
  const words = missing.map(([, { problem, remedy }]) => `${problem}: ${remedy}`).join('. ')
  notes.push(inCi ? `The ${tier.name} specs cannot run here, which counts as a failure in CI: ${words}.` : `The ${tier.name} specs were left out: ${words}.`)
  if (inCi) total.failed += 1
  return false
}

/** The distributed system for a whole tier: two copies of identity, which has the one-time things. Specs find it by a file that says where it is. */
async function launchFor(servers) {
  const { launch } = await import('./distributed/system.mjs')
  const folder = join(results, 'distributed')
  const names = { PAVAN_DATABASE_PREFIX: 'pavan', KAFKA_TOPIC_PREFIX: 'pavan' }
  const system = await launch({ folder, servers: servers.env, copies: { identity: 2 }, env: { ...names, PAVAN_RATE_LIMITS: 'off' }, say: console.error })
  const file = join(results, 'system.json')
  const processes = system.processes.map(({ port }) => `http://127.0.0.1:${port}`)
  writeFileSync(file, JSON.stringify({ base: system.base, folder, env: system.env, processes }))
  return { env: { PAVAN_TOPOLOGY: 'distributed', PAVAN_SYSTEM: file }, stop: () => system.stop() }
}

function spawned(program, args, more) {
  return new Promise((resolve) => {
    // --json prints its report to stdout as well: only stderr is for people.
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...more, ...(browser && { PAVAN_CHROMIUM: browser }) },
    })
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal))
    child.once('error', (error) => stop(`The tests could not be started: ${error.message}.`, 'Run: npm ci'))
    child.once('exit', (status) => resolve(status ?? 1))
  })
}

function findBrowser() {
  const named = process.env.PAVAN_CHROMIUM
  if (named) return existsSync(named) ? named : stop(`PAVAN_CHROMIUM names ${named}, which does not exist.`, 'Correct or unset it.')
  const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome']
  return usual.find(existsSync)
}
