import { fold } from '@pavan/kernel'
import { given } from '@pavan/kernel/spec.js'
import { keysAt, nextChange, signingKeys, type SigningKeysEvent } from './signing-keys.decider.js'

const key = (kid: string) => ({ kid, alg: 'ES256', jwk: { kid }, privateJwk: { kid, d: 'private' } })
const ensured = given(signingKeys, []).when({ type: 'ensure', key: key('key_1'), now: 10 }).result as SigningKeysEvent[]
const rotate = { type: 'rotate', key: key('key_2'), now: 100, activeFrom: 160, verifiedUntil: 500 } as const
const rotated = [...ensured, ...(given(signingKeys, ensured).when(rotate).result as SigningKeysEvent[])]
const kids = (events: readonly SigningKeysEvent[], now: number) => keysAt(fold(signingKeys, events), now).map(({ kid }) => kid)

describe('signing keys', () => {
  it('given none, when they are ensured, then there is one that signs at once', () => {
    expect(ensured).toHaveLength(1)
    expect(kids(ensured, 10)).toEqual(['key_1'])
  })

  it('given one, when they are ensured, then nothing happens', () => {
    expect(given(signingKeys, ensured).when({ type: 'ensure', key: key('key_9'), now: 20 }).result).toEqual([])
  })

  it('given one, when it is rotated, then the new one is published first, signs later, and the old one stays until its tokens expired', () => {
    expect(kids(rotated, 100)).toEqual(['key_1', 'key_2'])
    expect(kids(rotated, 160)).toEqual(['key_2', 'key_1'])
    expect(kids(rotated, 500)).toEqual(['key_2'])
    expect([100, 160, 500].map((now) => nextChange(fold(signingKeys, rotated), now))).toEqual([160, 500, undefined])
  })

  it('given a rotation that has not taken effect, when it is rotated again, then it is refused', () => {
    expect(given(signingKeys, rotated).when({ ...rotate, key: key('key_3'), now: 159 }).result).toMatchObject({ code: 'identity.signing-key.rotating' })
    expect(given(signingKeys, rotated).when({ ...rotate, key: key('key_3'), now: 160 }).result).toHaveLength(2)
  })

  it('never puts a private key into the open part', () => {
    for (const event of rotated) expect(JSON.stringify(event.data)).not.toContain('private')
  })
})
