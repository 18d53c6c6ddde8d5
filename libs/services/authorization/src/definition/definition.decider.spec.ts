import { policySet, roleDefined, roleDeleted } from '@pavan/contracts'
import { given } from '@pavan/kernel/spec.js'
import { policy, role } from './definitions.js'

const clerk = { key: 'clerk', name: 'Clerk', privileges: [], policies: [] }
const boss = { ...clerk, name: 'Boss' }
const defined = (definition: typeof clerk) => roleDefined.of({ data: definition })
const deleted = roleDeleted.of({ data: { key: 'clerk' } })

test('given nothing, when a role is created, then it is defined; again, and nothing happens; otherwise, and it is refused', () => {
  expect(given(role, []).when({ type: 'create', definition: clerk }).result).toEqual([defined(clerk)])
  expect(given(role, [defined(clerk)]).when({ type: 'create', definition: { ...clerk } }).result).toEqual([])
  expect(given(role, [defined(clerk)]).when({ type: 'create', definition: boss }).result).toMatchObject({ code: 'authorization.role.exists' })
})
test('given a role, when it is defined, then the new definition takes its place', () => {
  expect(given(role, [defined(clerk)]).when({ type: 'define', definition: boss }).result).toEqual([defined(boss)])
  expect(given(role, []).when({ type: 'define', definition: boss }).result).toEqual([defined(boss)])
})
test('given no role, when it is revised or deleted, then it is not found', () => {
  expect(given(role, []).when({ type: 'revise', definition: clerk }).result).toMatchObject({ code: 'authorization.role.not-found' })
  expect(given(role, []).when({ type: 'delete' }).result).toMatchObject({ code: 'authorization.role.not-found' })
})
test('given a deleted role, when it is deleted again, then nothing happens; when it is created, then it is defined again', () => {
  expect(given(role, [defined(clerk)]).when({ type: 'delete' }).result).toEqual([deleted])
  expect(given(role, [defined(clerk), deleted]).when({ type: 'delete' }).result).toEqual([])
  expect(given(role, [defined(clerk), deleted]).when({ type: 'create', definition: boss }).result).toEqual([defined(boss)])
})
test('given a policy, when it is defined with its keys in another order, then nothing happens', () => {
  const set = policySet.of({ data: { key: 'p', name: 'P', rules: [{ action: 'read', subject: 'orders' }] } })
  expect(given(policy, [set]).when({ type: 'define', definition: { name: 'P', rules: [{ subject: 'orders', action: 'read' }], key: 'p' } }).result).toEqual([])
})
