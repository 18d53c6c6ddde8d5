import type { ProblemList } from '@pavan/contracts'

/** Every refusal of the authorization service. */
export const authorizationProblems = {
  'authorization.resource.exists': { status: 409, title: 'The resource exists already', detail: 'Choose another key, or replace it with PUT.' },
  'authorization.resource.not-found': { status: 404, title: 'There is no such resource', detail: 'Check the key. It may have been deleted.' },
  'authorization.resource.reserved': {
    status: 409,
    title: 'The key is reserved',
    detail: 'all stands for every resource and tenants belongs to the operator. Choose another key.',
  },
  'authorization.role.exists': { status: 409, title: 'The role exists already', detail: 'Choose another key, or replace it with PUT.' },
  'authorization.role.not-found': { status: 404, title: 'There is no such role', detail: 'Check the key. It may have been deleted.' },
  'authorization.role.built-in': { status: 409, title: 'The role is built in', detail: 'Every tenant has it and it cannot be changed. Choose another key.' },
  'authorization.policy.exists': { status: 409, title: 'The policy exists already', detail: 'Choose another key, or replace it with PUT.' },
  'authorization.policy.not-found': { status: 404, title: 'There is no such policy', detail: 'Check the key. It may have been deleted.' },
  'authorization.policy.unknown': {
    status: 409,
    title: 'The role names a policy that does not exist',
    detail: 'Create the policy {policy} first, or leave it out.',
  },
  'authorization.assignment.too-many': {
    status: 409,
    title: 'The subject has too many roles',
    detail: 'A subject has at most {limit} roles. Put privileges together in fewer roles.',
  },
  'authorization.assignment.last-administrator': {
    status: 409,
    title: 'This is the last administrator',
    detail: 'Make somebody else administrator of the tenant first.',
  },
  'authorization.assignment.beyond-own': {
    status: 403,
    title: 'Nobody gives what they do not have',
    detail: 'Only who holds the role {role} in the whole tenant can give it to others or take it from them.',
  },
} as const satisfies ProblemList
