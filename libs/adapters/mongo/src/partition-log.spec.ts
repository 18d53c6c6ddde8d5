/** When a commit is numbered: at once where somebody waits for it, and otherwise with others. Who wins a number is proved on a server. */
import type { CommitRef } from './commit-doc.js'
import { PartitionLog, type LogDoc, type PartitionLogOptions } from './partition-log.js'

let batches: LogDoc[]
let grown: boolean[]
let asked: number
/** What another copy has written meanwhile. */
let others: LogDoc[]
/** What an insert waits for. */
let gate: Promise<void> | undefined
let log: PartitionLog

beforeEach(async () => {
  batches = []
  grown = []
  asked = 0
  others = []
  gate = undefined
  const found = { sort: () => found, limit: () => found, toArray: async () => others.splice(0) }
  log = new PartitionLog({
    p: 0,
    log: { find: () => found },
    commits: { find: () => found },
    inserter: {
      insert: async (doc: LogDoc) => {
        await gate
        batches.push(doc)
        return undefined
      },
    },
    onWritten: () => {},
    onRead: () => {},
    onNumbered: () => {},
    onUnhurried: () => asked++,
    onGrown: (_head: number, { hurry }: { hurry: boolean }) => grown.push(hurry),
  } as unknown as PartitionLogOptions)
  await log.follow()
  grown = []
})

const commit = (_id: string): CommitRef => ({ _id, s: _id, b: 0, n: 1, f: -1, p: 0 }) as unknown as CommitRef
const number = (id: string, hurry: boolean) => log.number(commit(id), { generation: log.generation, hurry })
const numbered = () => batches.map(({ c }) => c)
const said = () => batches.map(({ h }) => h ?? true)

test('what nobody waits for stays until all are numbered, and hurries nobody', async () => {
  const first = number('a', false)
  const second = number('b', false)
  expect([asked, numbered()]).toEqual([2, []])
  await log.numberAll()
  expect(await Promise.all([first, second])).toEqual([1, 2])
  expect([numbered(), grown, said()]).toEqual([[['a', 'b']], [false], [false]])
})

test('whoever asks for the number of such a commit gets it at once', async () => {
  const later = number('a', false)
  expect(await log.number(commit('a'))).toBe(1)
  expect([await later, numbered(), grown]).toEqual([1, [['a']], [false]])
})

test('one that somebody waits for takes along what is there', async () => {
  const later = number('a', false)
  expect(await number('b', true)).toBe(2)
  expect([await later, numbered(), grown, said()]).toEqual([1, [['a', 'b']], [true], [true]])
})

test('what comes while others are numbered waits for the next time, unless somebody waits for it', async () => {
  let open = () => {}
  gate = new Promise((resolve) => (open = resolve))
  const first = number('a', true)
  await new Promise(setImmediate)
  void number('b', false)
  const before = asked
  open()
  await first
  await new Promise(setImmediate)
  expect([numbered(), asked > before]).toEqual([[['a']], true])
  await log.numberAll()
  expect(numbered()).toEqual([['a'], ['b']])
})

test.each([
  [[false], false],
  [[true], true],
  [[false, true, false], true],
])('what another copy has numbered hurries as it says: %j', async (hurries, hurried) => {
  others = hurries.map((hurry, i) => ({ _id: `${i}`, p: 0, f: i + 1, l: i + 1, c: [`c${i}`], k: [1], a: `a${i}`, ...(hurry ? {} : { h: false }) }))
  await log.follow()
  expect(grown).toEqual([hurried])
})
