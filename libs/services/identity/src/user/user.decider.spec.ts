import { fold, isRefusal } from '@pavan/kernel'
import { user, type UserCommand, type UserEvent, type UserState } from './user.decider.js'

const registered: UserCommand = { type: 'register', method: 'password', email: 'ada@example.org', emailVerified: true, passwordHash: 'h1' }

const run = (...commands: readonly UserCommand[]): { state: UserState; events: UserEvent[] } => {
  let state = user.initial
  const events: UserEvent[] = []
  for (const command of commands) {
    const decided = user.decide(command, state)
    if (isRefusal(decided)) throw new Error(decided.code)
    events.push(...decided)
    state = fold(user, events)
  }
  return { state, events }
}

test('registration takes the address, a change of address exchanges it, erasure gives everything back', () => {
  const { state } = run(registered)
  const [first] = run(registered).events
  expect(user.claims?.(first as UserEvent, user.initial)).toEqual([{ take: { name: 'email', value: 'ada@example.org' } }])
  const changed = run(registered, { type: 'change-email', email: 'eve@example.org' }).events.at(-1) as UserEvent
  expect(user.claims?.(changed, state)).toEqual([
    { release: { name: 'email', value: 'ada@example.org' } },
    { take: { name: 'email', value: 'eve@example.org' } },
  ])
  const erased = run(registered, { type: 'erase' })
  expect(user.claims?.(erased.events.at(-1) as UserEvent, state)).toEqual([{ releaseAll: true }])
  expect(erased.state).toEqual({ phase: 'erased', emailVerified: false })
})

test('a new address is verified, and confirming the present one verifies it', () => {
  const unverified = { ...registered, emailVerified: false } as const
  expect(run(unverified, { type: 'change-email', email: 'ada@example.org' }).events.map(({ type }) => type)).toEqual(['user.registered', 'user.email-verified'])
  const moved = run(unverified, { type: 'change-email', email: 'eve@example.org' })
  expect(moved.state).toMatchObject({ email: 'eve@example.org', emailVerified: true })
  expect(moved.events[1]).toMatchObject({ personal: { email: 'eve@example.org', previous: 'ada@example.org' } })
})

test('what already is causes no event', () => {
  expect(run(registered, { type: 'verify-email' }, { type: 'unblock' }, { type: 'change-email', email: 'ada@example.org' }).events).toHaveLength(1)
  expect(run(registered, { type: 'block' }, { type: 'block' }).events).toHaveLength(2)
})

test.each([
  ['identity.user.exists', [registered, registered]],
  ['identity.user.not-found', [{ type: 'block' }]],
  ['request.subject.erased', [registered, { type: 'erase' }, { type: 'change-password', method: 'reset', passwordHash: 'x' }]],
] as [string, UserCommand[]][])('%s', (code, commands) => {
  expect(() => run(...commands)).toThrow(code)
})
