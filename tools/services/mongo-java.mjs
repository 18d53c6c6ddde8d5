// Tier 1: mongo-java-server, quick to start. In memory a restart loses everything; `folder` keeps the data in an H2 file.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { demand } from './available.mjs'
import { cached } from './cache.mjs'
import { entries } from './entries.mjs'
import { classPath, copyJars } from './maven.mjs'
import { freePort, isOpen, runToEnd, startProcess, waitFor } from './process.mjs'

const source = join(import.meta.dirname, 'mongo-java')
const jvm = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Xmx512m']

export async function startMongoJava({ durable = false, say }) {
  demand('mongo-java')
  const built = await cached(entries.mongoJava, async (folder) => {
    say('Fetching mongo-java-server by Maven (once, 6 MB).')
    await copyJars(join(source, 'pom.xml'), join(folder, 'lib'))
    await runToEnd('javac', ['-cp', classPath(join(folder, 'lib')), '-d', join(folder, 'classes'), join(source, 'MongoMain.java')])
  })
  const home = mkdtempSync(join(tmpdir(), 'pavan-mongo-'))
  const port = await freePort()
  const path = [join(built, 'classes'), classPath(join(built, 'lib'))].join(delimiter)
  const file = durable ? [join(home, 'data.h2')] : []
  let server
  const start = async () => {
    mkdirSync(home, { recursive: true })
    server = startProcess('java', [...jvm, '-cp', path, 'MongoMain', String(port), ...file], { log: join(home, 'log') })
    await waitFor(() => isOpen(port), { server, what: 'mongo-java-server' })
  }
  await start()
  return {
    url: `mongodb://127.0.0.1:${port}/`,
    get pids() {
      return server.alive() ? [server.pid] : []
    },
    kill: () => server.kill(),
    async restart() {
      // H2 writes its file at an orderly end; only tier 2 survives a kill.
      await server.stop()
      await start()
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    async stop() {
      await server.kill()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
