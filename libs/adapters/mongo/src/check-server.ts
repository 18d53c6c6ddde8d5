/** Names what is wrong with a MongoDB server in words. */
import type { Finding } from '@pavan/platform/service/finding.js'
import type { mongo } from 'mongoose'
import type { Db } from './database.js'
import { persist } from './retry.js'
import { settingsFaults, settingsOf, type SettingsDoc } from './settings.js'

interface Hello extends mongo.Document {
  readonly isWritablePrimary?: boolean
  readonly ismaster?: boolean
  readonly maxWireVersion?: number
  readonly localTime?: Date | string
  readonly setName?: string
  readonly hosts?: readonly string[]
  readonly msg?: string
}

export interface ServerToCheck {
  readonly admin: Db
  readonly now: () => number
  readonly maxClockSkewMs: number
  readonly partitions: number
  readonly claimKey: Uint8Array
}

/** MongoDB 6.0 */
const leastWireVersion = 17
const ok = (sentence: string): Finding => ({ level: 'ok', sentence })

export const checkServer = async ({ admin, now, maxClockSkewMs, partitions, claimKey }: ServerToCheck): Promise<readonly Finding[]> => {
  const sent = now()
  // Small servers know the older name only.
  const hello = (await persist(() => admin.command({ hello: 1 }).catch(() => admin.command({ isMaster: 1 })))) as Hello
  const took = now() - sent
  const stored = await settingsOf(admin)
  return [
    versionOf(hello),
    hello.isWritablePrimary || hello.ismaster
      ? ok('The server takes writes.')
      : { level: 'error', sentence: 'The server takes no writes.', remedy: 'Name the whole replica set in MONGODB_URL, so that its primary is found.' },
    ...clockOf(hello, sent + took / 2, maxClockSkewMs),
    replicasOf(hello),
    ...settingsIn(stored, partitions, claimKey),
  ]
}

const settingsIn = (stored: SettingsDoc | null, partitions: number, claimKey: Uint8Array): Finding[] => {
  if (!stored) return [ok('The database is new.')]
  const faults = settingsFaults(stored, partitions, claimKey)
  if (faults.length > 0) return faults.map((fault) => ({ level: 'error', ...fault }))
  return [ok(`The database fits the settings: ${partitions} partitions, and the same key of unique values.`)]
}

const versionOf = ({ maxWireVersion = 0 }: Hello): Finding =>
  maxWireVersion >= leastWireVersion
    ? ok(`The server speaks wire version ${maxWireVersion}.`)
    : { level: 'error', sentence: `The server speaks wire version ${maxWireVersion}.`, remedy: 'Use MongoDB 6.0 or newer, or FerretDB 2 or newer.' }

/** Expiry is decided by the clock of the copy that asks: copies must agree. */
const clockOf = ({ localTime }: Hello, at: number, most: number): Finding[] => {
  if (localTime === undefined) return []
  const skew = Math.abs(new Date(localTime).getTime() - at)
  const seconds = Math.round(skew / 1000)
  if (skew > most)
    return [
      {
        level: 'error',
        sentence: `The clock is ${seconds} s away from that of the database server.`,
        remedy: 'Synchronise the clocks of both machines, for example with chrony.',
      },
    ]
  if (skew > most / 12)
    return [
      { level: 'warning', sentence: `The clock is ${seconds} s away from that of the database server.`, remedy: 'Synchronise the clocks of both machines.' },
    ]
  return [ok('The clock agrees with that of the database server.')]
}

const replicasOf = ({ setName, hosts = [], msg }: Hello): Finding => {
  if (msg === 'isdbgrid') return ok('The server is a router of a sharded cluster.')
  if (setName === undefined)
    return {
      level: 'warning',
      sentence: 'The server is no replica set: when it is lost, so is what it has.',
      remedy: 'Run a replica set of three members in production.',
    }
  return hosts.length >= 3
    ? ok(`The replica set ${setName} has ${hosts.length} members.`)
    : {
        level: 'warning',
        sentence: `The replica set ${setName} has ${hosts.length} member${hosts.length === 1 ? '' : 's'}: no majority is left when one is lost.`,
        remedy: 'Add members until there are three.',
      }
}
