import { type JsonWebKey } from 'node:crypto'
import { SystemClock } from '@pavan/kernel'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import { SigningKeys, TokenVerifier } from './token-verifier.js'

const audience = 'http://localhost/api'

/** Keys that come when a spec says so. */
class ComingKeys extends SigningKeys {
  readonly #keys = new Map<string, JsonWebKey>()
  readonly #issuers = new Map<string, string>()
  readonly #listeners: (() => void)[] = []

  find(tenant: string, kid: string) {
    const jwk = this.#keys.get(`${tenant}/${kid}`)
    return jwk && { jwk }
  }
  issuer(tenant: string) {
    return this.#issuers.get(tenant)
  }
  onChange(listener: () => void) {
    this.#listeners.push(listener)
  }
  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
  issuerComes(tenant: string): void {
    this.#issuers.set(tenant, `http://localhost/t/${tenant}`)
    this.#tell()
  }
  keyComes(tenant: string, kid: string, jwk: JsonWebKey): void {
    this.#keys.set(`${tenant}/${kid}`, jwk)
    this.#tell()
  }
}

let keys: ComingKeys
let verifier: TokenVerifier
let pair: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey }
beforeAll(async () => {
  pair = await generateKeyPair('ES256', { extractable: true })
})
beforeEach(() => {
  keys = new ComingKeys()
  verifier = new TokenVerifier(keys, new SystemClock(), { audience })
})

const tokenOf = (tenant: string, kid = 'k1') =>
  new SignJWT({ tenant, client_id: 'cli_m' })
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
    .setIssuer(`http://localhost/t/${tenant}`)
    .setAudience(audience)
    .setSubject('cli_m')
    .setExpirationTime('5m')
    .sign(pair.privateKey)
const authorization = async (tenant: string, kid?: string) => `Bearer ${await tokenOf(tenant, kid)}`
const jwk = async () => (await exportJWK(pair.publicKey)) as JsonWebKey

test('a token that is here before its key, and the name of its issuer, waits for both', async () => {
  const verified = verifier.verify(await authorization('ten_a'))
  keys.keyComes('ten_b', 'k1', await jwk())
  keys.issuerComes('ten_a')
  keys.keyComes('ten_a', 'k1', await jwk())
  expect(await verified).toMatchObject({ tenant: 'ten_a', subject: { type: 'client', id: 'cli_m' } })
})

describe('a token whose key does not come', () => {
  it('is refused after a second', async () => {
    const began = performance.now()
    expect(await verifier.verify(await authorization('ten_a'))).toBeUndefined()
    expect(performance.now() - began).toBeGreaterThan(900)
  })

  it('keeps no more than a hundred waiting: others are refused at once', async () => {
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, n) => authorization('ten_a', `made-up-${n}`)))
    const [honest, jwkOfB] = [await authorization('ten_b'), await jwk()]
    const order: string[] = []
    const waiting = Promise.all(tokens.map((token) => verifier.verify(token))).then(() => order.push('waiting'))
    const late = verifier.verify(honest).then(() => order.push('late'))
    await Promise.all([late, waiting])
    expect(order).toEqual(['late', 'waiting'])
    keys.issuerComes('ten_b')
    keys.keyComes('ten_b', 'k1', jwkOfB)
    expect(await verifier.verify(honest)).toMatchObject({ tenant: 'ten_b' })
  })
})
