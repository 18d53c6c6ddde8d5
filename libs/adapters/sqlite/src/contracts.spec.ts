import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '@pavan/kernel'
import type { ServicePorts } from '@pavan/platform/service/adapters.js'
import { busContract } from '@pavan/platform/testing/bus-contract.js'
import { eventStoreContract } from '@pavan/platform/testing/event-store-contract.js'
import { rowsContract } from '@pavan/platform/testing/rows-contract.js'
import { subjectKeyStoreContract } from '@pavan/platform/testing/subject-key-store-contract.js'
import { sqliteAdapters } from './index.js'

const claimKey = new Uint8Array(32).fill(1)

describe.each(['memory', 'folder'])('SQLite in %s', (place) => {
  const open = async (clock = new ManualClock()): Promise<ServicePorts & { context: string; close(): Promise<void> }> => {
    const folder = place === 'memory' ? ':memory:' : mkdtempSync(join(tmpdir(), 'pavan-contract-'))
    const adapters = sqliteAdapters({ folder, clock, claimKey })
    const close = async () => {
      await adapters.close()
      if (place === 'folder') rmSync(folder, { recursive: true })
    }
    return { ...(await adapters.portsFor('identity')), context: 'identity', close }
  }
  describe('event store', () => eventStoreContract(open))
  describe('rows', () => rowsContract(open))
  describe('bus', () => busContract(open))
  describe('subject keys', () => subjectKeyStoreContract(open))
})
