/** What prevents a start is told in two sentences, what is wrong and what to do, with exit code 1 and without a stack. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StartFailed, EmbeddedSystem, type StartOptions } from '../support/embedded-system.js'
import { root } from '../support/root.js'

const place = mkdtempSync(join(tmpdir(), 'pavan-start-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))
const folder = (name: string): string => join(place, name)

/** A data folder that a system has written and left. */
const used = folder('used')
beforeAll(async () => {
  await using system = await EmbeddedSystem.start({ folder: used })
  await system.stop()
}, 30_000)
const copyOfUsed = (name: string): string => {
  cpSync(used, folder(name), { recursive: true })
  return folder(name)
}

/** The lines that the program leaves on the terminal; fails when it starts, or ends otherwise than with 1. */
const refusal = async (options: StartOptions): Promise<string[]> => {
  const error = await EmbeddedSystem.start(options).then(
    async (system) => {
      await system.stop()
      throw new Error('the system started')
    },
    (reason: unknown) => reason,
  )
  if (!(error instanceof StartFailed)) throw error
  expect(error.code).toBe(1)
  return error.output.split('\n').filter(Boolean)
}

test('port taken', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  expect(await refusal({ folder: folder('port'), port })).toEqual([
    `Port ${port} is taken by another program.`,
    `Stop that program, or choose another port: PORT=${port + 1} npm start`,
  ])
  await new Promise((resolve) => other.close(resolve))
})

test('data folder in use by another process, which goes on undisturbed', async () => {
  await using system = await EmbeddedSystem.start({ folder: copyOfUsed('busy') })
  expect(await refusal({ folder: system.folder })).toEqual([
    `The data folder ${system.folder} is in use by another process.`,
    'Stop the other Pavan that runs on it, or name another folder in PAVAN_DATA.',
  ])
  expect((await fetch(`${system.base}/readyz`)).status).toBe(200)
})

describe('data folder that cannot be written', () => {
  const remedy = 'Give the user that runs Pavan write access and free space there, or name another folder in PAVAN_DATA.'

  test('below a file', async () => {
    writeFileSync(folder('file'), '')
    expect(await refusal({ folder: join(folder('file'), 'data') })).toEqual([
      `The data folder ${join(folder('file'), 'data')} cannot be written (ENOTDIR).`,
      remedy,
    ])
  })

  // Node's own recursive mkdir never returns here.
  const onLinux = process.platform === 'linux' ? test : test.skip
  onLinux('in a file system that takes no folders', async () => {
    expect(await refusal({ folder: '/proc/pavan/data' })).toEqual(['The data folder /proc/pavan/data cannot be written (ENOENT).', remedy])
  })
})

test('data written by a newer version', async () => {
  const newer = copyOfUsed('newer')
  writeFileSync(join(newer, 'format.json'), '{"layout":2}')
  expect(await refusal({ folder: newer })).toEqual([
    `The data folder ${newer} was written by a newer version of Pavan (layout 2; this version knows 1).`,
    'Start the newer version, or name another folder in PAVAN_DATA.',
  ])
  expect(readFileSync(join(newer, 'format.json'), 'utf8')).toBe('{"layout":2}')
})

test('another key-encryption key than the data was written with', async () => {
  const lines = await refusal({ folder: copyOfUsed('key'), env: { PAVAN_KEK: randomBytes(32).toString('base64') } })
  expect(lines).toHaveLength(2)
  expect(lines[0]).toBe('The key-encryption key is not the one that this data was written with.')
  expect(lines[1]).toMatch(/^Set PAVAN_KEK to that key/)
})

test('a damaged database', async () => {
  const broken = copyOfUsed('broken')
  writeFileSync(join(broken, 'identity', 'store.db'), randomBytes(8192))
  expect(await refusal({ folder: broken })).toEqual([
    `${join(broken, 'identity', 'store.db')} is damaged or not a database.`,
    'Restore the whole data folder from a backup, or name another folder in PAVAN_DATA.',
  ])
})

test('a setting that means nothing', async () => {
  expect(await refusal({ folder: folder('setting'), env: { PAVAN_KEK: 'short' } })).toEqual([
    'PAVAN_KEK is not usable: must be 32 bytes in base64.',
    'Correct the environment variable PAVAN_KEK and start again.',
  ])
})

describe('before anything is installed', () => {
  test('a Node that is too old', () => {
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `const { requireNode } = await import(${JSON.stringify(join(root, 'tools/support/node.mjs'))}); requireNode('18.20.4')`],
      { encoding: 'utf8' },
    )
    expect({ status, lines: stderr.split('\n').filter(Boolean) }).toEqual({
      status: 1,
      lines: [
        'Pavan needs Node 20.19 or newer to install and build, and this is 18.20.4.',
        'Install a current Node from https://nodejs.org and run the same command again.',
      ],
    })
  })

  /** A checkout with `npm start`, whose npm is a program that we give it. */
  const checkout = (name: string, npm: string) => {
    const copy = folder(name)
    for (const path of ['tools', 'package.json', 'package-lock.json', '.swcrc']) cpSync(join(root, path), join(copy, path), { recursive: true })
    mkdirSync(join(copy, 'apps'))
    symlinkSync(join(root, 'apps/all-in-one'), join(copy, 'apps/all-in-one'))
    writeFileSync(join(copy, 'npm-cli.js'), npm)
    return {
      copy,
      start: () =>
        spawnSync(process.execPath, ['tools/start.mjs'], { cwd: copy, encoding: 'utf8', env: { ...process.env, npm_execpath: join(copy, 'npm-cli.js') } }),
    }
  }

  test('a half-finished installation is taken up again; when that fails, it says what to look at', () => {
    const { copy, start } = checkout('half', 'process.exit(1)')
    mkdirSync(join(copy, 'node_modules/fastify'), { recursive: true })
    const { stderr, status } = start()
    expect({ status, lines: stderr.split('\n').filter(Boolean) }).toEqual({
      status: 1,
      lines: [
        'The last installation did not finish: installing (once, about half a minute).',
        'npm could not install the packages; its own words stand above.',
        'Check the network connection and the free disk space, then run the same command again.',
      ],
    })
    expect(readdirSync(join(copy, 'node_modules'))).not.toContain('.pavan-installed')
  })
})
