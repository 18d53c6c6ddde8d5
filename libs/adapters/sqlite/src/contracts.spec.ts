import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '@pavan/kernel'
import { busContract } from '@pavan/platform/testing/bus-contract.js'
import { eventStoreContract } from '@pavan/platform/testing/event-store-contract.js'
import { rowsContract } from '@pavan/platform/testing/rows-contract.js'
import { subjectKeyStoreContract } from '@pavan/platform/testing/subject-key-store-contract.js'
import type { CommitChoice } from './commit-place.js'
import { sqliteAdapters, type SqliteAdapters } from './index.js'

const places: [name: string, folder: boolean, commitOn: CommitChoice][] = [
  ['memory', false, 'main'],
  ['a folder, committed by the main thread', true, 'main'],
  ['a folder, committed by the writer thread', true, 'thread'],
]

describe.each(places)('SQLite in %s', (_, onDisk, commitOn) => {
  let clock = new ManualClock()
  let shared: { adapters: SqliteAdapters; close(): Promise<void> }
  let services = 0
  const open = () => {
    const folder = onDisk ? mkdtempSync(join(tmpdir(), 'pavan-contract-')) : ':memory:'
    const adapters = sqliteAdapters({ folder, clock: { now: () => clock.now() }, claimKey: new Uint8Array(32).fill(1), commitOn })
    const close = async () => {
      await adapters.close()
      if (onDisk) rmSync(folder, { recursive: true })
    }
    return { adapters, close }
  }
  beforeAll(() => {
    shared = open()
  })
  afterAll(() => shared.close())

  /** A service has a store and rows of its own, so a new service is a new store. */
  const service = async () => {
    const context = `service-${++services}`
    return { ...(await shared.adapters.portsFor(context)), context, close: async () => undefined }
  }
  /** Bus and keys belong to the whole process. */
  const process = async () => {
    const { adapters, close } = open()
    return { ...(await adapters.portsFor('identity')), close }
  }
  describe('event store', () => eventStoreContract(service))
  describe('rows', () =>
    rowsContract((given) => {
      clock = given
      return service()
    }))
  describe('bus', () => busContract(process))
  describe('subject keys', () => subjectKeyStoreContract(process))
})
