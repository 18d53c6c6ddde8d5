import type { Log } from '../telemetry/log.js'
import { until } from '../testing/until.js'
import { insert, patch, put, remove, removeAll } from '../views/changes.js'
import type { Changes } from '../views/define-view.js'
import { defineTable, type Rows } from '../views/rows.js'
import type { ViewWatcher } from '../views/views.js'
import { mirror } from './mirror.js'

interface Row {
  readonly tenant: string
  readonly id: string
  readonly value: number
}
const table = defineTable<Row>({ name: 'mirrored', version: 1, durability: 'rebuildable', indexes: { byTenant: ['tenant', 'id'] } })
const other = defineTable<Row>({ ...table, name: 'other' })
const row = (id: string, value: number): Row => ({ tenant: 't', id, value })

/** A table whose answers come when a spec wants them. */
class Source {
  readonly stored = new Map<string, Row>()
  watcher: ViewWatcher | undefined
  /** Reads wait for it when they have their answer. */
  gate: Promise<void> = Promise.resolve()
  failures = 0
  reads = 0
  readonly warn = jest.fn()
  readonly views = {
    closed: false,
    log: { warn: this.warn } as unknown as Log,
    watch: (_: string, watcher: ViewWatcher) => ((this.watcher = watcher), () => {}),
  }
  readonly rows = {
    get: (_: unknown, id: string) => this.#answer(this.stored.get(id)),
    find: (_: unknown, { cursor }: { cursor?: string }) => {
      const [next, after] = [...this.stored.keys()].sort().filter((id) => cursor === undefined || id > cursor)
      return this.#answer({ items: next === undefined ? [] : [this.stored.get(next)], ...(after === undefined ? {} : { next }) })
    },
  } as unknown as Rows

  async #answer<T>(found: T): Promise<T> {
    this.reads++
    await this.gate
    if (this.failures > 0) {
      this.failures--
      throw new Error('away')
    }
    return found
  }

  apply(...changes: Changes): void {
    for (const one of changes) {
      if (one.op === 'put' || one.op === 'insert') this.stored.set(one.key, one.row)
      else if (one.op === 'patch') this.stored.set(one.key, { ...(this.stored.get(one.key) as Row), ...one.set })
      else if (one.op === 'remove') this.stored.delete(one.key)
      else this.stored.clear()
    }
    this.watcher?.changed(changes)
  }
}
let source: Source
let seen: Map<string, number>
beforeEach(() => {
  source = new Source()
  seen = new Map()
})
const start = () =>
  mirror<Row>(source, { view: 'mirrored', table, index: 'byTenant', keyOf: ({ id }) => id }, (key, found) => {
    if (found) seen.set(key, found.value)
    else seen.delete(key)
  })
const held = (): (() => void) => {
  let open = () => {}
  source.gate = new Promise((resolve) => (open = resolve))
  return open
}
const same = () =>
  until(() => JSON.stringify([...seen].sort()) === JSON.stringify([...source.stored.values()].map(({ id, value }) => [id, value]).sort()), 'the mirror')

test('all rows at first, over several pages, and then every change', async () => {
  for (const id of ['a', 'b', 'c']) source.stored.set(id, row(id, 1))
  await start()
  expect([...seen.keys()].sort()).toEqual(['a', 'b', 'c'])
  source.apply(put(table, 'a', row('a', 2)), insert(table, 'd', row('d', 1)), remove(table, 'b'), patch(table, 'c', { value: 3 }), put(other, 'e', row('e', 1)))
  source.stored.delete('e')
  await same()
  source.apply(removeAll(table, 'byTenant', { tenant: 't' }))
  await same()
})

test('what changes while the rows are read is as it became', async () => {
  for (const id of ['a', 'b']) source.stored.set(id, row(id, 1))
  const open = held()
  const started = start()
  source.apply(put(table, 'a', row('a', 2)), remove(table, 'b'))
  open()
  await started
  expect([...seen]).toEqual([['a', 2]])
})

test('a look that is overtaken by a change does not undo it', async () => {
  source.stored.set('a', row('a', 1))
  await start()
  const open = held()
  source.apply(patch(table, 'a', { value: 2 }))
  source.apply(put(table, 'a', row('a', 3)))
  open()
  await same()
  expect(seen.get('a')).toBe(3)
})

test('a look that fails is made again, and said once', async () => {
  source.stored.set('a', row('a', 1))
  await start()
  source.failures = 2
  source.apply(patch(table, 'a', { value: 2 }))
  await same()
  expect(source.warn).toHaveBeenCalledTimes(1)
})

test('a generation that takes over is read whole: what is not in it is gone, what was known is there meanwhile', async () => {
  for (const id of ['a', 'b']) source.stored.set(id, row(id, 1))
  await start()
  source.stored.delete('a')
  source.stored.set('b', row('b', 2))
  source.stored.set('c', row('c', 2))
  source.failures = 1
  const open = held()
  source.watcher?.outdated()
  await until(() => source.reads > 2, 'the rows to be asked for')
  expect([...seen.keys()]).toEqual(['a', 'b'])
  open()
  await same()
})

test('the first reading that fails is told, and nothing is asked for after the end', async () => {
  source.failures = 1
  await expect(start()).rejects.toThrow('away')
  source.views.closed = true
  const { reads } = source
  source.watcher?.outdated()
  await new Promise(setImmediate)
  expect(source.reads).toBe(reads)
})
