import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let root: string
let child: ChildProcess
let seen: string[]
/** Runs in Node itself: the specs are compiled to CommonJS, the tools are not. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'pavan-watch-'))
  mkdirSync(join(root, 'a/src'), { recursive: true })
  writeFileSync(join(root, 'a/src/one.ts'), '1')
  seen = []
  const program = `const { watchTree } = await import(${JSON.stringify(join(import.meta.dirname, 'watch-tree.mjs'))})
    watchTree(${JSON.stringify(root)}, (path) => console.log(path)); console.log('watching')`
  child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout?.on('data', (chunk: Buffer) => seen.push(...chunk.toString().trim().split('\n')))
  await until(() => seen.includes('watching'))
})
afterEach(() => {
  child.kill()
  rmSync(root, { recursive: true, force: true })
})

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
/** Resolves when a change of the file is seen that was made by `change`. */
const notices = async (file: string, change: () => void): Promise<void> => {
  seen = []
  change()
  await until(() => seen.includes(join(root, file)))
}

test('a file that is written, replaced by another under its name, and written again', async () => {
  const file = join(root, 'a/src/one.ts')
  await notices('a/src/one.ts', () => writeFileSync(file, '2'))
  await notices('a/src/one.ts', () => {
    writeFileSync(join(root, 'a/src/one.ts~'), '3')
    renameSync(join(root, 'a/src/one.ts~'), file)
  })
  await notices('a/src/one.ts', () => writeFileSync(file, '4'))
})

test('a folder that is made, removed and made again', async () => {
  const write = () => writeFileSync(join(root, 'a/src/new/deep/two.ts'), String(Math.random()))
  for (let round = 0; round < 2; round++) {
    await notices('a/src/new', () => mkdirSync(join(root, 'a/src/new')))
    await notices('a/src/new/deep', () => mkdirSync(join(root, 'a/src/new/deep')))
    await notices('a/src/new/deep/two.ts', write)
    await notices('a/src/new/deep/two.ts', write)
    await notices('a/src/new', () => rmSync(join(root, 'a/src/new'), { recursive: true }))
  }
})
