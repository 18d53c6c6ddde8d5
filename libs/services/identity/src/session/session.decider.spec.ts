import { given } from '@pavan/kernel/spec.js'
import { sessionEnded, sessionStarted, signInSucceeded } from '@pavan/contracts'
import { session } from './session.decider.js'

const started = sessionStarted.of({ data: { user: 'usr_1', method: 'password', expiresAt: 9 } })
const signedIn = (client: string) => signInSucceeded.of({ data: { user: 'usr_1', session: 'ses_1', method: 'password', client } })
const ended = sessionEnded.of({ data: { user: 'usr_1', reason: 'logout' } })

describe('a session', () => {
  it('given nothing, when it starts, then it is started and its owner signed in', () => {
    const { result } = given(session, []).when({ type: 'start', session: 'ses_1', user: 'usr_1', method: 'password', expiresAt: 9, client: 'cli_a' })
    expect(result).toEqual([started, { type: 'sign-in.succeeded', data: { user: 'usr_1', session: 'ses_1', method: 'password', client: 'cli_a' } }])
  })

  it('given a session, when it starts again, then it is refused', () => {
    expect(given(session, [started]).when({ type: 'start', session: 'ses_1', user: 'usr_2', method: 'password', expiresAt: 9 }).result).toMatchObject({
      code: 'identity.session.exists',
    })
  })

  it('given a session at one client, when another client asks, then that is one sign-in by sso', () => {
    const { result } = given(session, [started, signedIn('cli_a')]).when({ type: 'sign-in', session: 'ses_1', method: 'sso', client: 'cli_b' })
    expect(result).toEqual([{ type: 'sign-in.succeeded', data: { user: 'usr_1', session: 'ses_1', method: 'sso', client: 'cli_b' } }])
  })

  it('given a session at one client, when the same client asks again, then nothing happens', () => {
    expect(given(session, [started, signedIn('cli_a')]).when({ type: 'sign-in', session: 'ses_1', method: 'sso', client: 'cli_a' }).result).toEqual([])
  })

  it('given a session at one client, when the password is given again there, then that is a sign-in', () => {
    expect(given(session, [started, signedIn('cli_a')]).when({ type: 'sign-in', session: 'ses_1', method: 'password', client: 'cli_a' }).result).toHaveLength(1)
  })

  it('given a session, when it ends twice, then it ends once', () => {
    expect(given(session, [started]).when({ type: 'end', reason: 'logout' }).result).toEqual([ended])
    expect(given(session, [started, ended]).when({ type: 'end', reason: 'revoked' }).result).toEqual([])
  })

  it('given an ended or unknown session, when somebody signs in with it, then it is refused', () => {
    for (const events of [[], [started, ended]]) {
      expect(given(session, events).when({ type: 'sign-in', session: 'ses_1', method: 'sso' }).result).toMatchObject({ code: 'identity.session.not-found' })
    }
  })
})
