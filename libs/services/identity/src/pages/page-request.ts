/** What every hosted page needs of a request. */
import type { FastifyRequest } from 'fastify'
import { isRefusal, RefusalError, type Refusal } from '@pavan/kernel'
import type { PageProblem } from './messages.js'

export type Form = Readonly<Record<string, string | undefined>>

/** The fields that are text. A JSON body gets here too, and its numbers and objects are no fields of a form. */
export const formOf = (request: FastifyRequest): Form =>
  Object.fromEntries(Object.entries((request.body ?? {}) as object).filter((field): field is [string, string] => typeof field[1] === 'string'))

/** No password is longer, so none is cut that a check would take. */
export const passwordOf = (form: Form, field = 'password'): string => (form[field] ?? '').slice(0, 1024)

/** A form that another site sends on somebody's behalf is not taken, whatever cookies come with it. */
export const refuseForeign = (request: FastifyRequest, baseUrl: string): void => {
  const { origin } = request.headers
  if ((origin !== undefined && origin !== 'null' && origin !== new URL(baseUrl).origin) || request.headers['sec-fetch-site'] === 'cross-site')
    throw new RefusalError('request.access.denied', { action: 'send', resource: 'forms of other sites' })
}

const problems: Readonly<Record<string, PageProblem>> = {
  'identity.challenge.expired': 'expired',
  'identity.challenge.used': 'taken',
  'identity.challenge.wrong': 'code',
  'identity.password.wrong': 'password',
  'identity.password.locked': 'locked',
  'identity.password.too-short': 'short',
  'identity.password.too-weak': 'weak',
  'identity.user.email-taken': 'taken',
  'request.subject.erased': 'expired',
  'request.conflict.busy': 'busy',
  'service.overloaded': 'busy',
}

/** What a person is told about a refusal; anything else is thrown on. */
export const problemOf = (refused: unknown): PageProblem => {
  const code = isRefusal(refused) ? (refused as Refusal).code : refused instanceof RefusalError ? refused.code : ''
  const problem = problems[code]
  if (!problem) throw isRefusal(refused) ? RefusalError.from(refused) : refused
  return problem
}
