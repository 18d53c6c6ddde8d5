import type { ProblemList } from '@pavan/contracts'

/** Every refusal of the profiles service. */
export const profilesProblems = {
  'profiles.schema.type-fixed': {
    status: 409,
    title: 'The type of an attribute cannot change',
    detail: 'Profiles may hold values of {attribute}. Use a new key.',
  },
  'profiles.profile.not-found': { status: 404, title: 'There is no such profile', detail: 'Check the id of the user.' },
  'profiles.erasure.not-found': { status: 404, title: 'There is no such erasure', detail: 'Check the id.' },
  'profiles.erasure.not-begun': { status: 409, title: 'The erasure has not begun', detail: 'Ask for it first.' },
} as const satisfies ProblemList
