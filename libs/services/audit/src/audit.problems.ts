import type { ProblemList } from '@pavan/contracts'

/** Every refusal of the audit service. */
export const auditProblems = {
  'audit.record.not-found': {
    status: 404,
    title: 'There is no such record',
    detail: 'The log of the tenant has {size} records; the first one has the index 0.',
  },
  'audit.proof.impossible': {
    status: 409,
    title: 'There is no such proof',
    detail: 'Choose sizes up to the {size} records of the log, first not above second, and a record below the size.',
  },
  'audit.checkpoint.not-found': { status: 404, title: 'There is no checkpoint yet', detail: 'Ask for one with POST, or wait a minute.' },
} as const satisfies ProblemList
