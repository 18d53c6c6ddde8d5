import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkpointType } from '@pavan/contracts/audit/audit.contract.js'
import { Frontier } from '@pavan/audit/merkle/frontier.js'
import { leafHash } from '@pavan/audit/merkle/merkle-hash.js'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { auditCommand, checkpointsIn } from './audit.js'

let folder: string
let printed: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pavan-cli-'))
  printed = []
  jest.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text))
  jest.spyOn(console, 'error').mockImplementation((text: string) => void printed.push(text))
})
afterEach(async () => {
  jest.restoreAllMocks()
  process.exitCode = undefined
  await rm(folder, { recursive: true })
})

const log = (count: number) => {
  const frontier = new Frontier()
  let last = ''
  const lines = ['{"format":"pavan-audit-log","version":1,"tenant":"ten_1"}']
  for (let index = 0; index < count; index++) {
    const record = JSON.stringify({ data: { n: index }, index, previous: last, tenant: 'ten_1' })
    const hash = leafHash(record)
    frontier.append(hash)
    last = hash.toString('base64')
    lines.push(JSON.stringify({ index, hash: last, record }))
  }
  return { lines, claims: { tenant: 'ten_1', size: count, root: frontier.root().toString('base64'), last, iat: 1 } }
}

const run = async (lines: readonly string[], claims: object, otherKeys = false): Promise<string> => {
  const pair = await generateKeyPair('ES256')
  const other = await generateKeyPair('ES256')
  const jws = await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', typ: checkpointType }).sign(pair.privateKey)
  const [exported, checkpoint, keys] = ['export.ndjson', 'checkpoint.json', 'keys.json'].map((name) => join(folder, name)) as [string, string, string]
  await writeFile(exported, `${lines.join('\n')}\n`)
  await writeFile(checkpoint, JSON.stringify({ jws }))
  await writeFile(keys, JSON.stringify({ keys: [await exportJWK((otherKeys ? other : pair).publicKey)] }))
  await auditCommand().parseAsync(['verify', exported, '--checkpoint', checkpoint, '--keys', keys], { from: 'user' })
  return printed.join('\n')
}

test('an export that is what was signed is OK', async () => {
  const { lines, claims } = log(9)
  expect(await run(lines, claims)).toMatch(/^OK. 9 records are as they were signed in 1 checkpoint\./)
  expect(process.exitCode).toBeUndefined()
})

test('records after the checkpoint are told apart', async () => {
  expect(await run(log(9).lines, log(6).claims)).toMatch(/^OK. 6 records .*; 3 later ones/)
})

test.each([
  ['changed', (lines: string[]) => (lines[4] = (lines[4] as string).replace('\\"n\\":3', '\\"n\\":4')), 3],
  ['dropped', (lines: string[]) => lines.splice(5, 1), 4],
  ['swapped', (lines: string[]) => ([lines[2], lines[3]] = [lines[3] as string, lines[2] as string]), 1],
  ['truncated', (lines: string[]) => lines.splice(8), 7],
  ['doubled', (lines: string[]) => lines.splice(3, 0, lines[2] as string), 2],
  ['unreadable', (lines: string[]) => (lines[6] = '{"index":'), 5],
])('a %s record is named', async (_, tamper, position) => {
  const { lines, claims } = log(9)
  tamper(lines)
  expect(await run(lines, claims)).toMatch(`NOT OK. First bad position: ${position}.`)
  expect(process.exitCode).toBe(1)
})

test('a checkpoint of another signer is refused', async () => {
  const { lines, claims } = log(3)
  expect(await run(lines, claims, true)).toMatch('Nothing could be verified: the checkpoint is not signed by the keys given.')
  expect(process.exitCode).toBe(1)
})

test('checkpoints are found in every form in which they are handed out', () => {
  expect(checkpointsIn('{"jws":"a.b.c"}')).toEqual(['a.b.c'])
  expect(checkpointsIn('{"items":[{"jws":"a.b.c"},{"jws":"d.e.f"}]}')).toEqual(['a.b.c', 'd.e.f'])
  expect(checkpointsIn('a.b.c\nd.e.f\n')).toEqual(['a.b.c', 'd.e.f'])
})
