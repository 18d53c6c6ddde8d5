/** Every metric that is published. A further one is a further entry: its view counts all history by itself. */
import { signInFailed, signInSucceeded, userRegistered } from '@pavan/contracts'
import { counts, defineCounter } from './counter.js'
import { defineDistinct, sees } from './distinct.js'
import type { Metric } from './metric.js'

export const signUps = defineCounter({
  id: 'sign-ups',
  title: 'Sign-ups',
  unit: 'accounts',
  definition:
    'Accounts that came to be, however they did: by the person, by an administrator, by a set-up link or by import. An account that was erased later stays counted.',
  dimensions: ['method'],
  on: [counts(userRegistered, ({ data }) => ({ method: data.method }))],
})

export const signIns = defineCounter({
  id: 'sign-ins',
  title: 'Sign-ins',
  unit: 'attempts',
  definition:
    'Attempts to sign in, successful or not. Entering a further application within a session counts as one attempt of the method sso, the first time only. Attempts for unknown accounts are counted as failed.',
  dimensions: ['method', 'application', 'outcome', 'reason'],
  on: [
    counts(signInSucceeded, ({ data }) => ({ method: data.method, application: data.application, outcome: 'succeeded' })),
    counts(signInFailed, ({ data }) => ({ method: data.method, application: data.application, outcome: 'failed', reason: data.reason })),
  ],
})

export const activeUsers = defineDistinct({
  id: 'active-users',
  title: 'Active users',
  unit: 'people',
  definition:
    'People with at least one successful sign-in in the period, each counted once in it. Weeks begin on Monday. Values of several periods cannot be added up. A person who was erased later stays counted.',
  on: [sees(signInSucceeded, ({ data }) => data.user)],
})

export const catalogue: readonly Metric[] = [signUps, signIns, activeUsers]
