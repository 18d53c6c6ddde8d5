/** Appends and counts as fast as it can, and prints each thing when it is acknowledged, until somebody kills it. */
import { writeSync } from 'node:fs'
import { SystemClock } from '@pavan/kernel'
import type { CommitChoice } from '../commit-place.js'
import { sqliteAdapters } from '../sqlite-adapters.js'
import { claimKey, counters, streamOf } from './crash-tables.js'

const [, , folder = '', round = '', commitOn = 'measured'] = process.argv
const adapters = sqliteAdapters({ folder, clock: new SystemClock(), claimKey, commitOn: commitOn as CommitChoice })
const { store, rows } = await adapters.portsFor('identity')
await rows.open([counters])
/** Said at once, or not at all: who reads may be behind, and the pipe full. */
const say = (line: string): void => {
  for (;;)
    try {
      return void writeSync(1, `${line}\n`)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') throw error
    }
}

const append = async (worker: number): Promise<never> => {
  for (let i = 0; ; i++) {
    const id = `evt-${round}-${worker}-${i}`
    const stream = streamOf(`thg-${round}-${worker}-${Math.floor(i / 3)}`)
    const event = {
      id,
      type: 'thing.happened',
      schema: 1,
      at: i,
      data: { text: 'x'.repeat(i % 2_000) },
      meta: { actor: { type: 'system' as const, id: 'crash' } },
    }
    await store.append(stream, [event], { expected: i % 3, commandId: id, claims: [{ take: { name: 'id', value: id } }] })
    say(`appended ${id}`)
  }
}
const count = async (): Promise<never> => {
  for (let from = await rows.checkpoint('crash', 'identity', 0, 'full'); ; from++) {
    const add = { op: 'add' as const, table: counters, key: 'sum', by: { count: 1 }, row: { count: 0 } }
    const result = await rows.apply([add], { consumer: 'crash', context: 'identity', p: 0, from, to: from + 1, durability: 'full' })
    if (!result.applied) throw new Error('only one counts here')
    say(`counted ${from + 1}`)
  }
}
await Promise.all([...Array.from({ length: 8 }, (_, worker) => append(worker)), count()])
