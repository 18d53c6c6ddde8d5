// Apache Kafka without Docker: one node or three of them, each broker and controller in one process, on 127.0.0.1.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { demand } from './available.mjs'
import { cached } from './cache.mjs'
import { entries } from './entries.mjs'
import { classPath, copyJars } from './maven.mjs'
import { freePort, isOpen, runToEnd, startProcess, waitFor } from './process.mjs'
import { certificateFor } from './certificate.mjs'

const clusterId = 'cGF2YW4tY2x1c3Rlci0wMQ'
const jvm = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const maxNodes = 3

/** The jars, an archive of their loaded classes and formatted log folders: with these a node starts in about a second. */
async function prepared(say) {
  demand('kafka')
  const jars = await cached(entries.kafka, async (folder) => {
    say('Fetching Apache Kafka by Maven (once, 65 MB).')
    await copyJars(join(import.meta.dirname, 'kafka', 'pom.xml'), folder)
  })
  const libs = classPath(jars)
  const archive = await cached(entries.kafkaArchive, async (folder) => {
    say('Preparing Apache Kafka for quick starts (once, about 20 seconds).')
    for (let id = 1; id <= maxNodes; id += 1) {
      const file = join(folder, `${id}.properties`)
      writeFileSync(file, properties({ id, folder: join(folder, `node-${id}`), ports: [portsOf(1), portsOf(2), portsOf(3)], settings: {} }))
      await format(libs, file)
    }
    await makeArchive(libs, folder)
  })
  return { libs, archive }
}

const portsOf = (id) => ({ client: 9090 + id, inside: 9190 + id, controller: 9290 + id })
const format = (libs, file, more = []) => runToEnd('java', [...jvm, '-cp', libs, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file, ...more])

/** One run of a node whose classes are written to kafka.jsa at its end. */
async function makeArchive(libs, folder) {
  const work = mkdtempSync(join(tmpdir(), 'pavan-kafka-'))
  cpSync(join(folder, 'node-1'), join(work, 'node-1'), { recursive: true })
  const ports = await freePorts()
  const file = join(work, 'server.properties')
  writeFileSync(file, properties({ id: 1, folder: join(work, 'node-1'), ports: [ports], settings: {} }))
  const server = startProcess('java', [...jvm, `-XX:ArchiveClassesAtExit=${join(folder, 'kafka.jsa')}`, '-cp', libs, 'kafka.Kafka', file], {
    log: join(work, 'log'),
  })
  try {
    await waitFor(() => answers([`127.0.0.1:${ports.client}`], 1), { server, what: 'Apache Kafka' })
    await server.stop('SIGTERM', 60)
  } finally {
    await server.kill()
    rmSync(work, { recursive: true, force: true })
  }
}

const freePorts = async () => ({ client: await freePort(), inside: await freePort(), controller: await freePort() })

/** server.properties of one node; `tls` and `sasl` shape the listener for clients, the nodes speak plainly among themselves. */
function properties({ id, folder, ports, settings, tls, sasl, advertised }) {
  const own = ports[id - 1]
  const copies = ports.length
  const client = `${sasl ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`
  const all = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': ports.map(({ controller }, i) => `${i + 1}@127.0.0.1:${controller}`).join(','),
    listeners: `CLIENT://127.0.0.1:${own.client},INSIDE://127.0.0.1:${own.inside},CONTROLLER://127.0.0.1:${own.controller}`,
    ...(advertised && { 'advertised.listeners': `CLIENT://${advertised},INSIDE://127.0.0.1:${own.inside}` }),
    'listener.security.protocol.map': `CLIENT:${client},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INSIDE',
    'log.dirs': folder,
    'auto.create.topics.enable': false,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': Math.min(2, copies),
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': Math.min(2, copies),
    'group.initial.rebalance.delay.ms': 0,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'log.cleaner.threads': 1,
    // With the default a node that was killed comes back after 13 seconds. Three nodes on a busy machine need more time, or they shut each other out.
    'broker.session.timeout.ms': copies === 1 ? 2000 : 5000,
    'broker.heartbeat.interval.ms': 500,
    ...(tls && {
      'listener.name.client.ssl.keystore.type': 'PKCS12',
      'listener.name.client.ssl.keystore.location': tls.keyStore,
      'listener.name.client.ssl.keystore.password': tls.password,
    }),
    ...(sasl && {
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.client.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${sasl.username}="${sasl.password}";`,
      'listener.name.client.scram-sha-256.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
      'listener.name.client.scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    }),
    ...settings,
  }
  return `${Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`
}

/** Whether `count` nodes are up and know who leads them. */
async function answers(brokers, count, client = {}) {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 2000, retry: { retries: 0 }, ...client }).admin()
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    if (cluster.brokers.length < count || cluster.controller === null) return false
    // Makes the topic of group offsets, so that the first member of a group does not wait for it.
    await admin.fetchOffsets({ groupId: 'pavan-services' })
    return true
  } catch {
    return false
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/**
 * Starts Kafka. `brokers`: 1 or 3 (topics then want replication 3, min.insync 2). `folder`: where logs lie, a temporary one that `stop` removes
 * unless `keep`. `sasl` and `tls` guard the clients' listener; `settings` are further lines of server.properties.
 * `advertised` is the address by which the first node calls itself, for tests of a wrong one: it is then only waited for until it listens.
 * @param {{ brokers?: number, folder?: string, keep?: boolean, sasl?: { username: string, password: string }, tls?: boolean, advertised?: string, settings?: Record<string, string | number>, say?: (line: string) => void }} [options]
 */
export async function startKafka({
  brokers: count = 1,
  folder,
  keep = folder !== undefined,
  sasl,
  tls = false,
  advertised,
  settings = {},
  say = console.error,
} = {}) {
  const { libs, archive } = await prepared(say)
  const home = folder ?? mkdtempSync(join(tmpdir(), 'pavan-kafka-'))
  mkdirSync(home, { recursive: true })
  const certificate = tls ? await certificateFor(home) : undefined
  const ports = await Promise.all(Array.from({ length: count }, freePorts))
  const addresses = ports.map(({ client }) => `127.0.0.1:${client}`)
  const nodes = await Promise.all(
    ports.map(async (_, i) => {
      const id = i + 1
      const place = join(home, `node-${id}`)
      const file = join(home, `${id}.properties`)
      writeFileSync(file, properties({ id, folder: place, ports, settings, tls: certificate, sasl, advertised }))
      if (!existsSync(place)) {
        if (sasl)
          await format(
            libs,
            file,
            ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((name) => ['--add-scram', `${name}=[name=${sasl.username},password=${sasl.password}]`]),
          )
        else cpSync(join(archive, `node-${id}`), place, { recursive: true })
      }
      return { file, log: join(home, `${id}.log`), server: undefined }
    }),
  )
  const launch = (node) => {
    const share = [`-XX:SharedArchiveFile=${join(archive, 'kafka.jsa')}`, '-Xshare:auto']
    node.server = startProcess('java', [...jvm, ...share, '-cp', libs, 'kafka.Kafka', node.file], { log: node.log })
  }
  const client = { ...(sasl && { sasl: { mechanism: 'plain', ...sasl } }), ...(certificate && { ssl: { ca: [certificate.ca] } }) }
  const up = (node, wanted, asked = addresses) =>
    waitFor(() => (advertised ? isOpen(ports[0].client) : answers(asked, wanted, client)), { server: node.server, what: 'Apache Kafka' })
  const kafka = {
    brokers: addresses,
    caFile: certificate?.caFile,
    get pids() {
      return nodes.filter(({ server }) => server?.alive()).map(({ server }) => server.pid)
    },
    /** SIGKILL, as when the machine dies. */
    kill: (i = 0) => nodes[i].server.kill(),
    /** Starts a node that was killed, on its old port and folder; resolves when it answers. */
    async restart(i = 0) {
      await nodes[i].server.kill()
      launch(nodes[i])
      await up(nodes[i], 1, [addresses[i]])
    },
    pause: (i = 0) => nodes[i].server.pause(),
    resume: (i = 0) => nodes[i].server.resume(),
    async stop() {
      await Promise.all(nodes.map(({ server }) => (keep ? server?.stop() : server?.kill())))
      if (!keep) rmSync(home, { recursive: true, force: true })
    },
  }
  try {
    for (const node of nodes) launch(node)
    for (const node of nodes) await up(node, count)
    return kafka
  } catch (error) {
    await kafka.stop()
    throw error
  }
}
