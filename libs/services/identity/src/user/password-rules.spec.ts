import { randomBytes } from 'node:crypto'
import { judgePassword } from './password-rules.js'

const judge = (password: string, own: readonly string[] = []) => judgePassword(password, { minLength: 8, minScore: 3 }, own)
const codeOf = async (password: string, own?: readonly string[]) => (await judge(password, own))?.code

test.each(['short', '🙂🙂🙂🙂🙂🙂🙂'])('%s is too short, counted in characters', async (password) => {
  expect(await codeOf(password)).toBe('identity.password.too-short')
})

test.each(['password', 'P@ssw0rd', 'p4$$w0rd1', '1l0v3y0u', 'qwertyuiop', 'abcabcabcabc', 'aaaaaaaaaaaaaaaaaaaa', '0123456789abcdef'])(
  '%s is easy to guess',
  async (password) => {
    expect(await codeOf(password)).toBe('identity.password.too-weak')
  },
)

test('the own address makes no password', async () => {
  expect(await codeOf('vera.lindqvist', ['vera.lindqvist@example.org', 'vera.lindqvist'])).toBe('identity.password.too-weak')
})

test.each(['correct horse battery staple 9', 'x9$kQ!v7Lm2@pR4z', 'Wandering-Otter-Paints-Seven-Bridges'])('%s is taken', async (password) => {
  expect(await judge(password)).toBeUndefined()
})

test('what comes after 64 characters is not looked at, so that nobody can hold up the process with a password', async () => {
  expect(await codeOf('a'.repeat(64) + randomBytes(64).toString('base64'))).toBe('identity.password.too-weak')
  expect(await judge(randomBytes(768).toString('base64'))).toBeUndefined()
})
