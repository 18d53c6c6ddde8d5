import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StorageUnavailable } from '@pavan/platform/service/storage-unavailable.js'
import { storeSchema, type AppendAnswer } from './append.program.js'
import type { Write } from './commit.js'
import { CommitPlace, type CommitChoice } from './commit-place.js'
import { Db } from './db.js'
import { WriterThread } from './writer-thread.js'

let folder: string
let writer: WriterThread
let db: Db
const open = (commitOn: CommitChoice): Db => {
  db = new Db({ path: join(folder, 'store.db'), durability: 'full', writer, commitOn })
  db.prepare(['schema', storeSchema])
  return db
}
const append = (id: string | number, text = 'x'): Promise<AppendAnswer> => db.write(['append', `t/thing/${id}`, 0, 1, null, JSON.stringify([text]), null])
const commits = (): number => (db.reader.raw.prepare('SELECT count(*) AS n FROM commits').get() as { n: number }).n

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pavan-db-'))
  writer = new WriterThread()
})
afterEach(async () => {
  jest.restoreAllMocks()
  await db.close()
  await writer.close()
  rmSync(folder, { recursive: true })
})

describe.each(['main', 'thread'] as const)('committed by %s', (place) => {
  test('a full disk rejects the writes that wait, keeps what was there, and is forgotten when there is room again', async () => {
    open(place)
    await append('before')
    await db.write(['schema', 'PRAGMA max_page_count = 20'])
    const settled = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => append(i, 'x'.repeat(50_000))))
    expect(settled.every((each) => each.status === 'rejected' && each.reason instanceof StorageUnavailable)).toBe(true)
    expect(commits()).toBe(1)
    expect(await append('small')).toEqual(['appended', 1, 2])
    await db.write(['schema', 'PRAGMA max_page_count = 1000000'])
    expect((await Promise.all(Array.from({ length: 10 }, (_, i) => append(i, 'x'.repeat(50_000))))).every(([outcome]) => outcome === 'appended')).toBe(true)
    expect(commits()).toBe(12)
  })

  test('a write that cannot be right fails alone', async () => {
    open(place)
    const wrong: Write = ['schema', 'INSERT INTO nowhere VALUES (1)']
    const settled = await Promise.allSettled([append(1), db.write(wrong), append(2)])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(commits()).toBe(2)
  })

  test('closing waits for what was asked before', async () => {
    open(place)
    const writes = Array.from({ length: 50 }, (_, i) => append(i))
    await db.close()
    expect((await Promise.all(writes)).every(([outcome]) => outcome === 'appended')).toBe(true)
    await expect(append('late')).rejects.toThrow(StorageUnavailable)
  })

  test('the log is written back again and again and does not grow without end', async () => {
    open(place)
    let largest = 0
    for (let i = 0; i < 2_500; i++) {
      await append(i, 'x'.repeat(2_000))
      if (i % 100 === 0) largest = Math.max(largest, statSync(`${db.path}-wal`).size)
    }
    expect(largest).toBeGreaterThan(0)
    expect(largest).toBeLessThan(20_000_000)
    await db.truncateLog()
    expect(statSync(`${db.path}-wal`).size).toBe(0)
    expect(commits()).toBe(2_500)
  })

  test('the log is written back after few commits that are large, too', async () => {
    open(place)
    const size = 1_000_000
    const log = () => statSync(`${db.path}-wal`).size
    // On a busy machine the thread that writes back comes late, but it comes: then the log is shorter than what was written. Never written back it would go on.
    let count = 0
    do await db.write(['append', `ten_a/user/usr_${count}`, 0, 500, null, JSON.stringify('x'.repeat(size)), null], 500)
    while (++count < 400 && log() > count * size)
    expect(count).toBeLessThan(400)
  })
})

test('the commit that begins the log anew is made in the writer thread, where it waits for the disk', async () => {
  open('measured')
  await append('before')
  const run = jest.spyOn(writer, 'run')
  await db.truncateLog()
  run.mockClear()
  await append('first')
  expect(run).toHaveBeenCalledTimes(1)
})

test('while the log is written back, and right after it, the place of commits knows', async () => {
  const writesBack = jest.spyOn(CommitPlace.prototype, 'writesBack')
  const wroteBack = new Promise<boolean>((resolve) => {
    jest.spyOn(CommitPlace.prototype, 'wroteBack').mockImplementation(() => resolve(writesBack.mock.calls.length === 1))
  })
  open('measured')
  await db.write(['append', 'ten_a/user/usr_1', 0, 10_000, null, JSON.stringify('x'), null], 10_000)
  expect(await wroteBack).toBe(true)
})

test('a writer in a tight loop lets the event loop turn', async () => {
  open('main')
  let turned = 0
  const turn = setInterval(() => turned++, 1)
  for (let i = 0; i < 300; i++) await append(i)
  clearInterval(turn)
  expect(turned).toBeGreaterThan(0)
})

describe('the place of a commit', () => {
  const place = (fsync = true, otherWork = 0) => new CommitPlace({ fsync, choice: 'measured', otherWork: () => otherWork })

  test('a busy main thread leaves fsyncs to the writer thread, but not commits without one', () => {
    expect(place(true, 0.1).inline(1)).toBe(true)
    expect(place(true, 0.8).inline(1)).toBe(false)
    expect(place(false, 0.8).inline(1)).toBe(true)
  })

  test('a slow disk is left to the writer thread until it is fast again', () => {
    const slow = place()
    expect(slow.inline(1)).toBe(true)
    for (let i = 0; i < 20; i++) slow.measured(5, 1, false)
    expect(slow.inline(1)).toBe(false)
    for (let i = 0; i < 60; i++) slow.measured(0.2, 1, false)
    expect(slow.inline(1)).toBe(true)
  })

  test('after the log was written back one commit goes to the writer thread, and says nothing about the disk', () => {
    for (const fsync of [true, false]) {
      const own = place(fsync)
      own.wroteBack()
      expect([own.inline(1), own.quiet()]).toEqual([false, false])
      own.measured(1_000, 1, false)
      expect(own.inline(1)).toBe(true)
    }
    const main = new CommitPlace({ fsync: true, choice: 'main' })
    main.wroteBack()
    expect(main.inline(1)).toBe(true)
  })

  test('while the log is written back only the smallest commits stay on the main thread', () => {
    const own = place(false)
    own.writesBack()
    expect([own.inline(8), own.inline(9)]).toEqual([true, false])
    own.wroteBack()
    own.measured(1, 9, false)
    expect(own.inline(9)).toBe(true)
  })

  test('commits keep a distance only where each costs a flush and the processors are taken', () => {
    const spacing = (fsync: boolean, crowded: boolean, choice: CommitChoice = 'measured', waiting = 1) =>
      new CommitPlace({ fsync, choice, crowded: () => crowded }).spacing(waiting)
    expect(spacing(true, true, 'measured', CommitPlace.many)).toBeGreaterThan(0)
    expect(spacing(true, true)).toBeGreaterThan(spacing(true, true, 'measured', CommitPlace.many))
    expect([spacing(true, false), spacing(false, true), spacing(true, true, 'main'), spacing(true, true, 'thread')]).toEqual([0, 0, 0, 0])
  })

  test('large batches go to the writer thread, whatever the disk', () => {
    expect(place().inline(1_000)).toBe(false)
    expect(place(false).inline(1_000)).toBe(false)
    expect(place(false).inline(50)).toBe(false)
    expect(place(false).inline(30)).toBe(true)
  })
})
