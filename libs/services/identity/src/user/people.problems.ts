import type { ProblemList } from '@pavan/contracts'

export const peopleProblems = {
  'identity.user.not-found': { status: 404, title: 'There is no such user', detail: 'See the list of users.' },
  'identity.user.exists': { status: 409, title: 'The user exists already', detail: 'Use another id.' },
  'identity.user.email-taken': { status: 409, title: 'The e-mail address is taken', detail: 'Another account of the tenant has it.' },
  'identity.password.wrong': { status: 403, title: 'The password is wrong', detail: 'Send the present password of the account.' },
  'identity.password.locked': { status: 429, title: 'There were too many wrong passwords', detail: 'Wait a while, or reset the password.' },
  'identity.password.too-short': { status: 400, title: 'The password is too short', detail: 'Choose at least {length} characters.' },
  'identity.password.too-weak': { status: 400, title: 'The password is too easy to guess', detail: 'Make it longer or less usual.' },
  'identity.challenge.expired': { status: 410, title: 'The code or link is not valid any more', detail: 'Start again.' },
  'identity.challenge.wrong': { status: 400, title: 'The code is wrong', detail: 'Enter the code of the latest mail.' },
  'identity.challenge.used': { status: 409, title: 'It has been used already', detail: 'Every code and link works once.' },
  'identity.tenant.not-found': { status: 404, title: 'There is no such tenant', detail: 'See the list of tenants.' },
  'identity.set-up.done': { status: 409, title: 'The tenant has had its first administrator', detail: 'An administrator can appoint others.' },
} as const satisfies ProblemList
