import { roleAssigned, roleUnassigned } from '@pavan/contracts'
import { given } from '@pavan/kernel/spec.js'
import { administrators } from './administrators.decider.js'
import { assignment, maxGrants } from './assignment.decider.js'

const assigned = (role: string, organization?: string) =>
  roleAssigned.of({ data: organization ? { assignee: 'usr_1', role, organization } : { assignee: 'usr_1', role } })
const unassigned = (role: string, organization?: string) =>
  roleUnassigned.of({ data: organization ? { assignee: 'usr_1', role, organization } : { assignee: 'usr_1', role } })
const assign = (...grants: { role: string; organization?: string }[]) => ({ type: 'assign', assignee: 'usr_1', grants }) as const

describe('assignments of a subject', () => {
  test('given none, when roles are assigned, then they are, each once', () => {
    expect(given(assignment, []).when(assign({ role: 'a' }, { role: 'a' }, { role: 'a', organization: 'org_1' })).result).toEqual([
      assigned('a'),
      assigned('a', 'org_1'),
    ])
  })
  test('given a role, when it is assigned again, then nothing happens', () => {
    expect(given(assignment, [assigned('a')]).when(assign({ role: 'a' })).result).toEqual([])
  })
  test('given a role in an organization, when the role of the tenant is taken away, then nothing happens', () => {
    expect(given(assignment, [assigned('a', 'org_1')]).when({ type: 'unassign', assignee: 'usr_1', grants: [{ role: 'a' }] }).result).toEqual([])
  })
  test('given roles, when the subject is gone, then all of them are', () => {
    expect(
      given(assignment, [assigned('a'), assigned('b', 'org_1'), assigned('c'), unassigned('c')]).when({ type: 'strip', assignee: 'usr_1' }).result,
    ).toEqual([unassigned('a'), unassigned('b', 'org_1')])
  })
  test('given as many roles as there may be, when another one is assigned, then it is refused', () => {
    const many = Array.from({ length: maxGrants }, (_, i) => assigned(`r${i}`))
    expect(given(assignment, many).when(assign({ role: 'one-more' })).result).toMatchObject({ code: 'authorization.assignment.too-many' })
    expect(given(assignment, many).when(assign({ role: 'r0' })).result).toEqual([])
  })
})

describe('administrators of a tenant', () => {
  const of = (assignee: string) => roleAssigned.of({ data: { assignee, role: 'administrator' } })
  const gone = (assignee: string) => roleUnassigned.of({ data: { assignee, role: 'administrator' } })
  test('given one person and a client, when the person is dismissed, then it is refused', () => {
    expect(given(administrators, [of('usr_1'), of('cli_1')]).when({ type: 'dismiss', assignee: 'usr_1' }).result).toMatchObject({
      code: 'authorization.assignment.last-administrator',
    })
    expect(given(administrators, [of('usr_1'), of('cli_1')]).when({ type: 'dismiss', assignee: 'cli_1' }).result).toEqual([gone('cli_1')])
  })
  test('given two people, when one is dismissed, then the other remains', () => {
    expect(given(administrators, [of('usr_1'), of('usr_2')]).when({ type: 'dismiss', assignee: 'usr_1' }).result).toEqual([gone('usr_1')])
  })
  test('given only a client, when it is dismissed, then it is refused', () => {
    expect(given(administrators, [of('cli_1')]).when({ type: 'dismiss', assignee: 'cli_1' }).result).toMatchObject({
      code: 'authorization.assignment.last-administrator',
    })
  })
  test('given the last one, when the person is erased, then the role goes all the same', () => {
    expect(given(administrators, [of('usr_1')]).when({ type: 'strip', assignee: 'usr_1' }).result).toEqual([gone('usr_1')])
  })
})
