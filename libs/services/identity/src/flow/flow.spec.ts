import { advance, begin, flawsOf, replay } from './flow.js'
import { signInFlow } from './sign-in-flow.js'

test('the sign-in flow has no loose ends', () => expect(flawsOf(signInFlow)).toEqual([]))

test('loose ends are named', () => {
  const broken = { ...signInFlow, start: 'x', steps: { a: { kind: 'notice', on: { ok: 'b' } } } } as const
  expect(flawsOf(broken)).toEqual(['there is no step x', 'there is no step b', 'nothing leads to a'])
})

test.each([
  ['the right password signs in', ['ok'], { outcome: 'signed-in', trail: ['ok'] }],
  ['a wrong one stays', ['wrong'], { next: { step: 'sign-in', problem: 'wrong', trail: ['wrong'] } }],
  ['an address that nobody has proved is proved by the code', ['unverified', 'ok'], { outcome: 'signed-in', trail: ['unverified', 'ok'] }],
  ['registration goes by the code', ['go-register', 'ok', 'wrong', 'ok'], { outcome: 'signed-in', trail: ['go-register', 'ok', 'wrong', 'ok'] }],
  ['an expired code starts the registration again', ['go-register', 'ok', 'expired'], { next: { step: 'sign-up', trail: ['go-register', 'ok', 'expired'] } }],
  ['whoever gives up leaves', ['go-forgot', 'abort'], { outcome: 'aborted', trail: ['go-forgot', 'abort'] }],
] as const)('%s', (_, results, expected) => expect(replay(signInFlow, results)).toEqual(expected))

test('a state of another definition begins anew', () => {
  expect(advance(signInFlow, { step: 'gone', trail: ['ok'] }, 'ok')).toEqual({ next: begin(signInFlow) })
  expect(begin(signInFlow, 'gone').step).toBe('sign-in')
})
