import { exportJWK, generateKeyPair, importJWK, jwtVerify } from 'jose'
import { InlineSigningKey } from './inline-signing-key.js'

const pair = async (alg: string) => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const common = { kid: 'key_1', alg, use: 'sig' }
  const jwk = { ...(await exportJWK(publicKey)), ...common }
  return { kid: 'key_1', alg, jwk, privateJwk: { ...(await exportJWK(privateKey)), ...common }, activeFrom: 0, verifiedUntil: undefined }
}

const base64url = (value: object | Uint8Array): string =>
  (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(JSON.stringify(value))).toString('base64url')

describe('a key that signs on the calling thread', () => {
  it('makes signatures of the form that JWS wants, whatever the length of their numbers', async () => {
    const known = await pair('ES256')
    const key = new InlineSigningKey(known)
    const verifier = await importJWK(known.jwk, 'ES256')
    // R or S has a leading zero, which the DER form leaves out, in one of 128 signatures.
    for (let i = 0; i < 600; i++) {
      const text = `${base64url({ alg: 'ES256', kid: 'key_1' })}.${base64url({ sub: `usr_${i}` })}`
      const signature = key.sign(Buffer.from(text))
      expect(signature).toHaveLength(64)
      expect((await jwtVerify(`${text}.${base64url(signature)}`, verifier)).payload.sub).toBe(`usr_${i}`)
    }
  })

  it('shows its public part and nothing else', async () => {
    const known = await pair('ES256')
    const key = new InlineSigningKey(known)
    expect({ kid: key.kid, alg: key.alg, use: key.use, kty: key.kty, crv: key.crv, x: key.x, y: key.y }).toEqual(known.jwk)
    expect(key.keyObject().type).toBe('public')
  })

  it('refuses what is no ES256 key', async () => {
    const known = await pair('EdDSA')
    expect(() => new InlineSigningKey(known)).toThrow('EdDSA keys cannot sign on the calling thread')
  })
})
