import { z } from 'zod'
import * as audit from '../audit/audit.contract.js'
import * as authorization from './authorization.contract.js'

const schemas = Object.entries<unknown>({ ...authorization, ...audit }).filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType)

test.each(schemas)('%s can be shown in the API document', (_, schema) => {
  expect(() => z.toJSONSchema(schema, { io: 'input' })).not.toThrow()
})

test('the short cut of a batch takes and refuses what the schema of one question does', () => {
  const fine = { subject: 'usr_1', action: 'read', resource: 'orders', field: 'total', facts: { owner: 'usr_1' } }
  const odd: unknown[] = [
    null,
    'x',
    [],
    { ...fine, subject: undefined },
    { ...fine, subject: 'a b' },
    { ...fine, action: '' },
    { ...fine, resource: 'x'.repeat(65) },
    { ...fine, field: '' },
    { ...fine, field: 1 },
    { ...fine, facts: [] },
    { ...fine, facts: { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } } },
    { ...fine, extra: 1 },
    { ...fine, facts: null },
  ]
  expect(
    authorization.questions.safeParse({ decisions: [fine, { ...fine, field: undefined, facts: undefined }, { ...fine, action: 'orders:read' }] }).success,
  ).toBe(true)
  for (const one of odd) {
    const batch = authorization.questions.safeParse({ decisions: [fine, one] })
    expect([one, authorization.question.safeParse(one).success, batch.success]).toEqual([one, false, false])
    expect(batch.error?.issues[0]?.path.slice(0, 2)).toEqual(['decisions', 1])
  }
  expect(authorization.questions.safeParse({ decisions: [] }).success).toBe(false)
  expect(authorization.questions.safeParse({ decisions: [fine], more: 1 }).success).toBe(false)
  expect(authorization.questions.safeParse({ decisions: Array.from({ length: 1001 }, () => fine) }).success).toBe(false)
})

test('the API document shows the batch, not its short cut', () => {
  expect(z.toJSONSchema(authorization.questions, { io: 'input' })).toMatchObject({
    type: 'object',
    properties: { decisions: { type: 'array', maxItems: 1000 } },
  })
})
