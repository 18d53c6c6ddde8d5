import { breaks, brokenEvents } from './compatibility.mjs'

const object = (properties: object, required: string[] = [], more: object = {}) => ({ type: 'object', properties, required, ...more })
const text = { type: 'string', maxLength: 10 }

describe('what a reader and the stored events bear', () => {
  test.each([
    ['the same', object({ a: text }, ['a']), object({ a: text }, ['a'])],
    ['a further field that may be missing', object({ a: text }), object({ a: text, b: text })],
    ['a wider text', object({ a: text }), object({ a: { type: 'string', maxLength: 20 } })],
    ['a further name', { enum: ['x'] }, { enum: ['x', 'y'] }],
    ['a number instead of a whole number', { type: 'integer' }, { type: 'number' }],
    ['another description', object({ a: text }), object({ a: { ...text, description: 'new' } })],
  ])('%s', (_, before, after) => expect(breaks(before, after)).toEqual([]))
})

describe('what breaks', () => {
  test.each([
    ['a removed field', object({ a: text, b: text }), object({ a: text }), 'b was removed'],
    ['a removed field inside', object({ a: object({ b: text }) }), object({ a: object({}) }), 'a.b was removed'],
    [
      'a removed field in a list',
      object({ a: { type: 'array', items: object({ b: text }) } }),
      object({ a: { type: 'array', items: object({}) } }),
      'a[].b was removed',
    ],
    ['another type', object({ a: text }), object({ a: { type: 'number' } }), 'a was string and is number'],
    ['a type where there was none', object({ a: {} }), object({ a: { type: 'string' } }), 'a was anything and is string'],
    ['a type that is no longer nullable', { type: ['string', 'null'] }, { type: 'string' }, 'the event was string or null and is string'],
    ['a name that is gone', { enum: ['x', 'y'] }, { enum: ['x'] }, 'the event no longer allows y'],
    ['a list of names where there was none', text, { ...text, enum: ['x'] }, 'the event no longer allows any other value'],
    ['a shorter text', object({ a: text }), object({ a: { type: 'string', maxLength: 9 } }), 'a has a narrower maxLength'],
    ['a larger minimum', { type: 'integer' }, { type: 'integer', minimum: 0 }, 'the event has a narrower minimum'],
    ['a form', text, { ...text, pattern: '^a' }, 'the event has a narrower pattern'],
    ['a new field that must be there', object({ a: text }), object({ a: text, b: text }, ['b']), 'b is required now'],
    ['a field that must no longer be there', object({ a: text }, ['a']), object({ a: text }), 'a may be missing now'],
    ['a closed object', object({}), object({}, [], { additionalProperties: false }), 'the event no longer allows further fields'],
    ['fewer kinds', { anyOf: [text, { type: 'null' }] }, { anyOf: [text] }, 'the event allows fewer kinds of values'],
  ])('%s', (_, before, after, sentence) => expect(breaks(before, after)).toEqual([sentence]))
})

test('an event may go only when a newer version of it has come', () => {
  const schema = object({ a: text })
  expect(brokenEvents({ 'user.registered:1': schema, 'user.gone:1': schema }, { 'user.registered:2': object({}) })).toEqual([
    'user.gone:1: the event was removed',
  ])
  expect(brokenEvents({ 'user.registered:1': schema }, { 'user.registered:1': object({}) })).toEqual(['user.registered:1: a was removed'])
})
