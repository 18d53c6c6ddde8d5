import { given } from '@pavan/kernel/spec.js'
import { consentGiven, consentWithdrawn } from '@pavan/contracts'
import { consent } from './consent.decider.js'

const pair = { user: 'usr_1', client: 'cli_1' }
const gave = (...scopes: string[]) => consentGiven.of({ data: { ...pair, scopes } })

describe('a consent', () => {
  it('given none, when scopes are allowed, then they are remembered', () => {
    expect(given(consent, []).when({ type: 'give', ...pair, scopes: ['openid', 'email'] }).result).toEqual([gave('openid', 'email')])
  })

  it('given some, when further scopes are allowed, then all together are', () => {
    expect(given(consent, [gave('openid')]).when({ type: 'give', ...pair, scopes: ['email', 'openid'] }).result).toEqual([gave('openid', 'email')])
  })

  it('given some, when the same are allowed, then nothing happens', () => {
    expect(given(consent, [gave('openid', 'email')]).when({ type: 'give', ...pair, scopes: ['email'] }).result).toEqual([])
  })

  it('given some, when it is taken back twice, then once', () => {
    const withdrawn = consentWithdrawn.of({ data: pair })
    expect(given(consent, [gave('openid')]).when({ type: 'withdraw', ...pair }).result).toEqual([withdrawn])
    expect(given(consent, [gave('openid'), withdrawn]).when({ type: 'withdraw', ...pair }).result).toEqual([])
  })
})
