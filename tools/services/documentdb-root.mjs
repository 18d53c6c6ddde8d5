// PostgreSQL 18 with DocumentDB from Debian's testing suite, unpacked into a folder of its own: no container, no debootstrap, no mount,
// and the machine's own package database is not touched.
import { appendFileSync, chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fetchToEnd, runToEnd, startProcess, waitFor } from './process.mjs'

const suite = 'forky'
const bin = '/usr/lib/postgresql/18/bin'
const isRoot = process.getuid?.() === 0
/** The user that runs the database inside the folder; never the superuser. */
const user = 70
const notNeeded = ['doc', 'man', 'locale', 'info', 'perl'].map((name) => `--exclude=./usr/share/${name}`).concat('--exclude=./usr/lib/*/perl*')

/** A program and its arguments as the command that runs it with `root` as its file system. */
export function inside(root, program, args) {
  const change = isRoot ? ['chroot', `--userspec=${user}:${user}`, root] : ['unshare', '--user', `--map-user=${user}`, `--map-group=${user}`, `--root=${root}`]
  return [change[0], [...change.slice(1), '/usr/bin/env', '-i', `PATH=${bin}:/usr/bin`, 'LC_ALL=C.UTF-8', program, ...args]]
}

/** Gives a file or folder of the host to the user of the database. */
export function give(...places) {
  if (isRoot) for (const place of places) chownSync(place, user, user)
}

export async function makeRoot(root) {
  await unpack(root)
  writeFileSync(join(root, 'etc/passwd'), `root:x:0:0::/:/bin/sh\npostgres:x:${user}:${user}::/inst:/bin/sh\n`)
  writeFileSync(join(root, 'etc/group'), `root:x:0:\npostgres:x:${user}:\n`)
  for (const folder of ['dev', 'tmp', 'proc', 'run', 'inst', 'template']) mkdirSync(join(root, folder), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777)
  chmodSync(root, 0o755)
  if (isRoot) await runToEnd('mknod', ['-m', '666', join(root, 'dev/null'), 'c', '1', '3'])
  else writeFileSync(join(root, 'dev/null'), '')
  // What the packages' own scripts would have done.
  symlinkSync('postgis-3.control', join(root, 'usr/share/postgresql/18/extension/postgis.control'))
  await makeTemplate(root)
}

async function unpack(root) {
  const apt = join(root, 'apt')
  for (const folder of ['etc/apt/sources.list.d', 'etc/apt/apt.conf.d', 'etc/apt/preferences.d', 'etc/apt/trusted.gpg.d', 'var/lib/apt/lists/partial'])
    mkdirSync(join(apt, folder), { recursive: true })
  for (const folder of ['var/cache/apt/archives/partial', 'var/lib/dpkg']) mkdirSync(join(apt, folder), { recursive: true })
  writeFileSync(join(apt, 'var/lib/dpkg/status'), '')
  const source = { Types: 'deb', URIs: mirror(), Suites: suite, Components: 'main', 'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg' }
  writeFileSync(join(apt, 'etc/apt/sources.list.d/suite.sources'), lines(source, ': '))
  const settings = {
    Dir: apt,
    'Dir::State::status': join(apt, 'var/lib/dpkg/status'),
    'APT::Architecture': (await runToEnd('dpkg', ['--print-architecture'])).trim(),
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': isRoot ? 'root' : '',
    'Acquire::Languages': 'none',
    // Mirrors of testing may stand still for weeks.
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Retries': '3',
    'Debug::NoLocking': 'true',
  }
  const conf = join(apt, 'apt.conf')
  writeFileSync(conf, lines(Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, `"${value}";`])), ' '))
  const env = { APT_CONFIG: conf }
  await fetchToEnd('apt-get', ['-qq', 'update'], { env })
  await fetchToEnd('apt-get', ['-qq', '-y', 'install', '--download-only', 'postgresql-18-documentdb', 'dash', 'coreutils'], { env })
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', folder), { recursive: true })
    symlinkSync(`usr/${folder}`, join(root, folder))
  }
  const archives = join(apt, 'var/cache/apt/archives')
  const options = ['--no-same-owner', '--keep-directory-symlink', ...notNeeded].join(' ')
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    await runToEnd('sh', ['-c', `set -f; dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -xf - ${options}`, 'sh', join(archives, file), root])
  rmSync(apt, { recursive: true, force: true })
}

const lines = (values, between) =>
  Object.entries(values)
    .map(([name, value]) => `${name}${between}${value}\n`)
    .join('')

function mirror() {
  const [sources, list] = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']
  const found =
    (existsSync(sources) && /^URIs:\s*(\S+)/m.exec(readFileSync(sources, 'utf8'))?.[1]) ||
    (existsSync(list) && /^deb\s+(?:\[.*\]\s+)?(\S+)/m.exec(readFileSync(list, 'utf8'))?.[1])
  if (!found) throw new Error('No Debian mirror was found in the package sources of this machine: name a MongoDB in MONGODB_URL instead.')
  return found
}

/** Settings of one database whose folder is `/<place>` inside the root. */
const settings = (place) => `
listen_addresses = ''
unix_socket_directories = '/${place}/s'
unix_socket_permissions = 0777
dynamic_shared_memory_type = mmap
max_connections = 150
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '/${place}/s'
cron.log_run = off
cron.log_statement = off
documentdb.localhost_connection_string = 'host=/${place}/s'
deadlock_timeout = 20ms
`

/** A database with the extension in place; instances are copies of it, which saves their first start five seconds. */
async function makeTemplate(root) {
  give(join(root, 'template'))
  const options = ['-D', '/template/pg', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
  await runToEnd(...inside(root, 'initdb', options))
  appendFileSync(join(root, 'template/pg/postgresql.conf'), "\ninclude_if_exists = 'pavan.conf'\n")
  const server = await startPostgres(root, 'template')
  await psql(root, 'template', 'create extension if not exists documentdb cascade')
  await server.stop('SIGINT', 30)
  rmSync(join(root, 'template/s'), { recursive: true, force: true })
}

/** A new instance from the template; `place` is its folder inside the root. */
export async function copyTemplate(root, place) {
  mkdirSync(join(root, place), { recursive: true })
  give(join(root, place))
  if (isRoot) await runToEnd('cp', ['-a', join(root, 'template/pg'), join(root, place, 'pg')])
  else cpSync(join(root, 'template/pg'), join(root, place, 'pg'), { recursive: true })
}

export async function startPostgres(root, place) {
  const folder = join(root, place)
  mkdirSync(join(folder, 's'), { recursive: true })
  give(join(folder, 's'))
  const own = join(folder, 'pg/pavan.conf')
  writeFileSync(own, settings(place))
  give(own)
  // After a kill the processes of the old server may live for a moment and keep its memory, on a busy disk for seconds: the pid file is never removed,
  // the start is tried again.
  const end = performance.now() + 60_000
  for (;;) {
    const server = startProcess(...inside(root, 'postgres', ['-D', `/${place}/pg`]), { log: join(folder, 'pg.log') })
    try {
      await waitFor(
        () =>
          psql(root, place, 'select 1').then(
            () => true,
            () => false,
          ),
        { server, what: 'PostgreSQL' },
      )
      return server
    } catch (error) {
      await server.kill()
      if (performance.now() > end) throw error
      await pause(100)
    }
  }
}

const psql = (root, place, statement) => runToEnd(...inside(root, 'psql', ['-qAt', '-h', `/${place}/s`, '-U', 'postgres', '-c', statement]))
