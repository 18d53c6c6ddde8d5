import { claimsOf, fold, type Decider } from './decider.js'
import { release, take } from './claim.js'
import { isRefusal, orThrow, refuse, RefusalError } from './refusal.js'
import { given } from './spec.js'

type Opened = { type: 'door.opened'; data: { by: string } }
type Closed = { type: 'door.closed'; data: object }
type State = { open: boolean; by?: string }
type Command = { type: 'open'; by: string } | { type: 'close' }

const door: Decider<Command, Opened | Closed, State> = {
  category: 'door',
  initial: { open: false },
  decide: (command, state) => {
    switch (command.type) {
      case 'open':
        if (state.open) return state.by === command.by ? [] : refuse('house.door.open', { times: 1 })
        return [{ type: 'door.opened', data: { by: command.by } }]
      case 'close':
        return state.open ? [{ type: 'door.closed', data: {} }] : []
    }
  },
  evolve: (_state, event) => {
    switch (event.type) {
      case 'door.opened':
        return { open: true, by: event.data.by }
      case 'door.closed':
        return { open: false }
    }
  },
  claims: (event, before) => {
    switch (event.type) {
      case 'door.opened':
        return [take('holder', event.data.by)]
      case 'door.closed':
        return before.by === undefined ? [] : [release('holder', before.by)]
    }
  },
}
const opened: Opened = { type: 'door.opened', data: { by: 'ann' } }
const closed: Closed = { type: 'door.closed', data: {} }

test('given an open door, when the same person opens it again, then nothing happens', () => {
  expect(given(door, [opened]).when({ type: 'open', by: 'ann' }).result).toEqual([])
})

test('given an open door, when another opens it, then it is refused with a code', () => {
  const { result } = given(door, [opened]).when({ type: 'open', by: 'bob' })
  expect(isRefusal(result)).toBe(true)
  expect(() => orThrow(result)).toThrow(RefusalError)
})

test('given a door opened and closed, when somebody opens it, then it opens', () => {
  expect(given(door, [opened, closed]).when({ type: 'open', by: 'bob' }).result).toEqual([{ type: 'door.opened', data: { by: 'bob' } }])
})

test('folding applies events in order', () => {
  expect(fold(door, [opened, closed, opened])).toEqual({ open: true, by: 'ann' })
})

test('claims of several new events are each judged against the state before the event', () => {
  expect(claimsOf(door, door.initial, [opened, closed])).toEqual([take('holder', 'ann'), release('holder', 'ann')])
})
