/** A process that is killed at any moment loses nothing that it acknowledged and doubles nothing. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ManualClock } from '@pavan/kernel'
import { sqliteAdapters } from './index.js'
import { claimKey, counters, streamOf } from './testing/crash-tables.js'

const rounds = process.env['PAVAN_LONG'] === '1' ? 20 : 3
const writer = join(__dirname, 'testing', 'crash-writer.ts')
const fromSource = join(__dirname, 'testing', 'from-source.mjs')

/** Runs the writer until it has acknowledged some commands, kills it in the middle of its work, and answers what it acknowledged. */
const writeAndKill = (folder: string, round: number, enough: number): Promise<{ appended: string[]; counted: number }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      '--no-warnings',
      '--experimental-transform-types',
      '--conditions=@pavan/source',
      '--import',
      fromSource,
      writer,
      folder,
      String(round),
      round % 2 === 0 ? 'main' : 'thread',
    ])
    const appended: string[] = []
    let counted = 0
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [what, id] = line.split(' ') as [string, string]
      if (what === 'appended') appended.push(id)
      else counted++
      if (appended.length === enough) child.kill('SIGKILL')
    })
    child.on('close', (_, signal) => (signal === 'SIGKILL' ? resolve({ appended, counted }) : reject(new Error(`the writer ended by itself: ${errors}`))))
  })

test(`after kill -9 at ${rounds} random moments everything acknowledged is there, once`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pavan-crash-'))
  const acknowledged: string[] = []
  let counted = 0
  try {
    for (let round = 0; round < rounds; round++) {
      const got = await writeAndKill(folder, round, 20 + Math.floor(Math.random() * 400))
      acknowledged.push(...got.appended)
      counted += got.counted
      const adapters = sqliteAdapters({ folder, clock: new ManualClock(), claimKey })
      const { store, rows } = await adapters.portsFor('identity')
      const events: { id: string; seq: number; stream: string; commands: number }[] = []
      for (let seq = 0; ; seq = events.at(-1)!.seq) {
        const page = await store.readAll({ p: 0, seq }, 500)
        if (page.length === 0) break
        events.push(...page.map((event) => ({ id: event.id, seq: event.position.seq, stream: event.stream.id, commands: 0 })))
      }
      const ids = events.map(({ id }) => id)
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1))
      expect(new Set(ids).size).toBe(ids.length)
      const there = new Set(ids)
      expect(acknowledged.filter((id) => !there.has(id))).toEqual([])
      // A claim is there exactly if the commit that took it is.
      for (const { id, stream } of events.slice(-50)) expect(await store.claimOwner('ten_a', 'id', id)).toEqual(streamOf(stream))
      // A row and its checkpoint are there both or not at all, and what was acknowledged is among them.
      await rows.open([counters])
      const sum = (await rows.get(counters, 'sum'))?.count ?? 0
      expect(await rows.checkpoint('crash', 'identity', 0, 'full')).toBe(sum)
      expect(sum).toBeGreaterThanOrEqual(counted)
      await adapters.close()
    }
    expect(acknowledged.length).toBeGreaterThan(rounds * 20 - 1)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 120_000)
