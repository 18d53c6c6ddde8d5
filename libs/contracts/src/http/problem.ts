/** Problem details (RFC 9457). Every error of every service is one of a closed list. */
import { z } from 'zod'

export interface ProblemType {
  readonly status: number
  readonly title: string
  /** What to do about it. `{name}` is replaced by a parameter of the refusal. */
  readonly detail: string
}

/** `service.noun.reason` → what it means. */
export type ProblemList = Readonly<Record<string, ProblemType>>

export const problem = z.object({
  type: z.string().describe('URI of the error reference'),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string().describe('Stable code from the closed list: service.noun.reason'),
  instance: z.string().describe('Request id'),
  trace_id: z.string().optional(),
  /** One entry for each wrong input (as in RFC 9457 section 3). */
  errors: z.array(z.object({ pointer: z.string().describe('JSON pointer (RFC 6901) or name of the parameter'), detail: z.string() })).optional(),
})
export type Problem = z.output<typeof problem>

/** Problems that any service may answer. */
export const commonProblems = {
  'request.body.invalid': { status: 400, title: 'The request is not valid', detail: 'Correct the fields named in errors and send it again.' },
  'request.body.malformed': {
    status: 400,
    title: 'The body cannot be read',
    detail: 'Send well-formed UTF-8 JSON without NUL characters and without __proto__ keys.',
  },
  'request.body.too-large': { status: 413, title: 'The body is too large', detail: 'Send at most {limit} bytes.' },
  'request.content-type.unsupported': { status: 415, title: 'The content type is not supported', detail: 'Send application/json.' },
  'request.parameter.invalid': { status: 400, title: 'A parameter is not valid', detail: 'Correct the parameters named in errors and send it again.' },
  'request.route.not-found': { status: 404, title: 'There is nothing here', detail: 'See /docs for the operations that exist.' },
  'request.method.not-allowed': { status: 405, title: 'The method is not allowed here', detail: 'Use one of the methods in the Allow header.' },
  'request.token.missing': { status: 401, title: 'No access token', detail: 'Send an access token as Authorization: Bearer.' },
  'request.token.invalid': {
    status: 401,
    title: 'The access token is not accepted',
    detail: 'It is expired, revoked, malformed, or meant for another audience. Get a new one.',
  },
  'request.access.denied': { status: 403, title: 'Not allowed', detail: 'Your roles do not allow {action} on {resource}. Ask an administrator of the tenant.' },
  'request.rate.limited': { status: 429, title: 'Too many requests', detail: 'Wait the seconds given in Retry-After.' },
  'request.idempotency.in-progress': {
    status: 409,
    title: 'The same request is still running',
    detail: 'Repeat it in a moment with the same Idempotency-Key.',
  },
  'request.idempotency.mismatch': { status: 422, title: 'The Idempotency-Key was used for another request', detail: 'Use a new key for a new request.' },
  'request.version.conflict': { status: 412, title: 'It was changed meanwhile', detail: 'Read it again and send the ETag that you got as If-Match.' },
  'request.version.required': { status: 428, title: 'If-Match is missing', detail: 'Read it first and send its ETag as If-Match.' },
  'request.subject.erased': { status: 410, title: 'The person is erased', detail: 'Nothing can be written for a person who was erased.' },
  'request.conflict.busy': { status: 409, title: 'Others are changing the same thing', detail: 'Try again.' },
  'request.position.timeout': { status: 503, title: 'The view has not caught up yet', detail: 'Try again, or ask without Pavan-Wait-For.' },
  'service.overloaded': { status: 503, title: 'The service is busy', detail: 'Wait the seconds given in Retry-After.' },
  'service.unavailable': { status: 503, title: 'The service is not ready', detail: 'See /readyz. Try again later.' },
  'service.internal.error': { status: 500, title: 'Something broke on our side', detail: 'Nothing was half-written. Report the instance and trace id.' },
} as const satisfies ProblemList
