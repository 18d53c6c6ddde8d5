// Tier 2: FerretDB on PostgreSQL with DocumentDB: faithful, and durable across kill -9.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demand } from './available.mjs'
import { cached } from './cache.mjs'
import { copyTemplate, makeRoot, startPostgres } from './documentdb-root.mjs'
import { entries, ferretVersion } from './entries.mjs'
import { fetchToEnd, freePort, isOpen, startProcess, waitFor } from './process.mjs'

export async function startDocumentdb({ say }) {
  demand('mongo-documentdb')
  const [root, ferret] = await Promise.all([
    cached(entries.documentdb, (folder) => fetchDatabase(folder, say)),
    cached(entries.ferretdb, (folder) => fetchFerret(folder, say)),
  ])
  const place = `inst/${randomBytes(6).toString('hex')}`
  const home = mkdtempSync(join(tmpdir(), 'pavan-mongo-'))
  await copyTemplate(root, place)
  // A unix socket's path has room for about a hundred characters.
  const sockets = join(home, 's')
  symlinkSync(join(root, place, 's'), sockets)
  const port = await freePort()
  let postgres
  let proxy
  const start = async () => {
    postgres = await startPostgres(root, place)
    mkdirSync(join(home, 'state'), { recursive: true })
    const url = `postgres://postgres@localhost/postgres?host=${sockets}&pool_max_conns=100`
    const quiet = ['--debug-addr=-', '--no-auth', '--telemetry=disable', '--log-level=error', `--state-dir=${join(home, 'state')}`]
    proxy = startProcess(join(ferret, 'ferretdb'), [`--postgresql-url=${url}`, `--listen-addr=127.0.0.1:${port}`, ...quiet], { log: join(home, 'log') })
    await waitFor(() => isOpen(port), { server: proxy, what: 'FerretDB' })
  }
  const kill = () => Promise.all([proxy?.kill(), postgres?.kill()])
  const remove = () => {
    for (const folder of [home, join(root, place)]) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  try {
    await start()
  } catch (error) {
    await kill()
    remove()
    throw error
  }
  return {
    url: `mongodb://127.0.0.1:${port}/?retryWrites=false`,
    get pids() {
      return [proxy, postgres].filter((server) => server.alive()).map(({ pid }) => pid)
    },
    /** SIGKILL to database and proxy, as when the machine dies. */
    kill,
    async restart() {
      await kill()
      await start()
    },
    /** The proxy stands still, so to a client everything does; what PostgreSQL had begun goes on, as behind a cut network. */
    pause: () => proxy.pause(),
    resume: () => proxy.resume(),
    async stop() {
      await proxy.kill()
      // In order: its own processes end with it, while a kill leaves them behind for a moment.
      await postgres.stop('SIGINT', 10)
      remove()
    },
  }
}

async function fetchDatabase(folder, say) {
  say('Fetching PostgreSQL with DocumentDB from Debian (once, about a minute, 460 MB unpacked).')
  await makeRoot(folder)
}

async function fetchFerret(folder, say) {
  say('Building FerretDB with Go (once, two to four minutes).')
  const work = join(folder, 'work')
  const go = { GOPATH: join(work, 'path'), GOCACHE: join(work, 'cache'), GOBIN: folder, GOFLAGS: '-modcacherw', CGO_ENABLED: '0' }
  await fetchToEnd('go', ['install', '-trimpath', '-ldflags=-s', `github.com/FerretDB/FerretDB/v2/cmd/ferretdb@${ferretVersion}`], { env: go })
  rmSync(work, { recursive: true, force: true })
}
