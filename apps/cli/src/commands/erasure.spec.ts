import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { receiptType, type ErasureReceipt } from '@pavan/contracts/profiles/erasure-receipt.js'
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JSONWebKeySet } from 'jose'
import { describeReceipt, erasureCommand, ReceiptInvalid, verifyReceipt } from './erasure.js'

const receipt: ErasureReceipt = {
  version: 1,
  iss: 'https://id.example',
  tenant: 'ten_1',
  user: 'usr_1',
  erasure: 'era_1',
  requestedAt: 1,
  erasedAt: 2,
  completedAt: 3,
  compacted: true,
  stores: [{ store: 'identity/events', removed: 0, residue: 0, reportedAt: 2 }],
}
let privateKey: CryptoKey
let kid: string
let keys: JSONWebKeySet

const sign = (payload: unknown, header: object = {}): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader({ alg: 'ES256', kid, typ: receiptType, ...header }).sign(privateKey)

beforeAll(async () => {
  const pair = await generateKeyPair('ES256')
  privateKey = pair.privateKey
  const jwk = await exportJWK(pair.publicKey)
  kid = await calculateJwkThumbprint(jwk)
  keys = { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] }
})

/** The last characters of a signature may be any, and their lowest bits mean nothing: the first one always counts. */
const forged = (jws: string): string => jws.replace(/[^.](?=[^.]*$)/, (first) => (first === 'A' ? 'B' : 'A'))

describe('the verification of a receipt', () => {
  it('accepts a genuine one and lists every store', async () => {
    const verified = await verifyReceipt(await sign(receipt), keys)
    expect(verified).toEqual(receipt)
    expect(describeReceipt(verified)).toMatch(/^Valid\. usr_1[\s\S]*identity\/events +0 +0/)
  })

  it('refuses one that was changed by a single character', async () => {
    const [header, payload, signature] = (await sign(receipt)).split('.') as [string, string, string]
    const changed = Buffer.from(JSON.stringify({ ...receipt, user: 'usr_2' })).toString('base64url')
    for (const wrong of [`${header}.${changed}.${signature}`, forged(`${header}.${payload}.${signature}`), 'nonsense', '']) {
      await expect(verifyReceipt(wrong, keys)).rejects.toThrow(ReceiptInvalid)
    }
  })

  it('refuses one of another key, another type, or with something left', async () => {
    const other = await exportJWK((await generateKeyPair('ES256')).publicKey)
    await expect(sign(receipt).then((jws) => verifyReceipt(jws, { keys: [{ ...other, kid }] }))).rejects.toThrow(/does not fit/)
    await expect(sign(receipt, { typ: 'JWT' }).then((jws) => verifyReceipt(jws, keys))).rejects.toThrow(/not the receipt/)
    const left = { ...receipt, stores: [{ store: 'audit/records', removed: 1, residue: 2, reportedAt: 2 }] }
    await expect(sign(left).then((jws) => verifyReceipt(jws, keys))).rejects.toThrow(/audit\/records still held 2 rows/)
    await expect(sign({ version: 2 }).then((jws) => verifyReceipt(jws, keys))).rejects.toThrow(/does not understand/)
  })
})

describe('pavan erasure verify', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pavan-cli-'))
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const said: string[] = []
  const run = async (...args: string[]): Promise<unknown> => {
    process.exitCode = undefined
    await erasureCommand().parseAsync(['verify', ...args], { from: 'user' })
    const code = process.exitCode
    process.exitCode = undefined
    return code ?? 0
  }
  beforeAll(() => {
    jest.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line))
    jest.spyOn(console, 'error').mockImplementation((line: string) => void said.push(line))
  })
  afterAll(() => {
    jest.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  it('takes the receipt alone or the answer of the API, and says by its exit code what came of it', async () => {
    const jws = await sign(receipt)
    const jwks = file('keys.json', JSON.stringify(keys))
    expect(await run(file('a.jws', `${jws}\n`), '--keys', jwks)).toBe(0)
    expect(await run(file('b.json', JSON.stringify({ id: 'era_1', receipt: jws })), '--keys', jwks)).toBe(0)
    expect(await run(file('c.jws', forged(jws)), '--keys', jwks)).toBe(1)
    expect(await run(join(folder, 'missing'), '--keys', jwks)).toBe(2)
    expect(await run(file('d.jws', jws), '--keys', file('e.json', 'nonsense'))).toBe(2)
    expect(said[0]).toContain('Valid.')
  })
})
