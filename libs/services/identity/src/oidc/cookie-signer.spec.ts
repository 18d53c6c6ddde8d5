import { createRequire } from 'node:module'
import { CookieSigner } from './cookie-signer.js'

// What oidc-provider would sign with by itself.
const Keygrip = createRequire(import.meta.resolve('oidc-provider'))('keygrip') as new (keys: readonly string[]) => CookieSigner

const keys = ['yBpRCkP6cTVJCyTYFJTcTV0XYPTmbaMbYcc1gqGyTlI', 'Q4BP-1vN2rLZYqFv6m3xB0r3a5m5gU0ZqLd2x8K7d2E']
const data = 'pavan_acme_session=WVQxN0hPZ1pZbTJzUnBtQ2k'

test('signatures are those of Keygrip, so that cookies stay good', () => {
  const [ours, theirs] = [new CookieSigner(keys), new Keygrip(keys)]
  expect(ours.sign(data)).toBe(theirs.sign(data))
  expect(theirs.index(data, ours.sign(data))).toBe(0)
})

test('an older key verifies, and says that the cookie is to be signed anew', () => {
  const old = new CookieSigner(keys.slice(1)).sign(data)
  expect(new CookieSigner(keys).index(data, old)).toBe(1)
  expect(new CookieSigner(keys).verify(data, old)).toBe(true)
})

test.each([
  ['another value', (signed: string) => [`${data}x`, signed]],
  ['a changed signature', (signed: string) => [data, (signed.startsWith('A') ? 'B' : 'A') + signed.slice(1)]],
  ['another spelling of the signature', (signed: string) => [data, `${signed}=`]],
  ['a short one', (signed: string) => [data, signed.slice(1)]],
  ['none', () => [data, '']],
] as const)('%s is not taken', (_, forge) => {
  const signer = new CookieSigner(keys)
  const [value, signed] = forge(signer.sign(data)) as [string, string]
  expect(signer.index(value, signed)).toBe(-1)
})
