/** From whatever was thrown to one of the closed list of problems (RFC 9457). */
import { STATUS_CODES } from 'node:http'
import { commonProblems, type Problem, type ProblemList, type ProblemType } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import type { RequestContext } from './request-context.js'

export interface InputError {
  /** JSON pointer into the body (RFC 6901), or the name of a parameter or header. */
  readonly pointer: string
  readonly detail: string
}

/** Wrong input, field by field. */
export class InputErrors extends RefusalError {
  constructor(
    code: 'request.body.invalid' | 'request.parameter.invalid',
    readonly errors: readonly InputError[],
  ) {
    super(code)
    this.name = 'InputErrors'
  }
}

export interface ProblemAnswer {
  readonly status: number
  readonly body: Problem
  /** Seconds for the Retry-After header (RFC 9110 section 10.2.3). */
  readonly retryAfter?: number
  /** The error was not foreseen: it belongs in the log with its stack. */
  readonly accident: boolean
}

/** What Fastify, Nest and Node call their own errors, by code and then by status. Never their texts: they may quote the input. */
const byCode: Record<string, keyof typeof commonProblems> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'request.body.too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'request.content-type.unsupported',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request.body.malformed',
  FST_ERR_CTP_INVALID_JSON_BODY: 'request.body.malformed',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'request.body.malformed',
  FST_ERR_BAD_URL: 'request.parameter.invalid',
  FST_ERR_MAX_PARAM_LENGTH: 'request.parameter.invalid',
}
const byStatus: Record<number, keyof typeof commonProblems> = {
  400: 'request.body.malformed',
  401: 'request.token.invalid',
  403: 'request.access.denied',
  404: 'request.route.not-found',
  405: 'request.method.not-allowed',
  413: 'request.body.too-large',
  414: 'request.parameter.invalid',
  415: 'request.content-type.unsupported',
  429: 'request.rate.limited',
  503: 'service.overloaded',
}

/** The closed list of one service, with what every service may answer. Two meanings of one code are a mistake found at start. */
export const problemsOf = (own: ProblemList = {}): ProblemList => {
  for (const code of Object.keys(own)) {
    if (code in commonProblems) throw new Error(`the problem ${code} is declared twice`)
    if (!/^[a-z-]+\.[a-z-]+\.[a-z-]+$/.test(code)) throw new Error(`the problem code ${code} is not of the form service.noun.reason`)
  }
  return { ...commonProblems, ...own }
}

export class Problems {
  constructor(
    readonly list: ProblemList,
    /** Where the error reference is: `<base>/problems`; a page for each code below it. */
    readonly reference: string,
  ) {}

  of(thrown: unknown, context: Pick<RequestContext, 'requestId' | 'traceId'>): ProblemAnswer {
    if (thrown instanceof RefusalError && this.list[thrown.code]) {
      const errors = thrown instanceof InputErrors ? thrown.errors : namedInput(thrown)
      return this.answer(thrown.code, thrown.params, context, errors)
    }
    const { code, statusCode, status, getStatus } = (thrown ?? {}) as {
      code?: string
      statusCode?: number
      status?: number
      getStatus?: () => number
    }
    const number = typeof getStatus === 'function' ? getStatus.call(thrown) : (statusCode ?? status)
    const known = thrown instanceof RefusalError ? undefined : ((code && byCode[code]) ?? (number ? byStatus[number] : undefined))
    return known ? this.answer(known, {}, context) : { ...this.answer('service.internal.error', {}, context), accident: true }
  }

  answer(
    code: string,
    params: Readonly<Record<string, string | number>>,
    context: Pick<RequestContext, 'requestId' | 'traceId'>,
    errors?: readonly InputError[],
  ): ProblemAnswer {
    const type = this.list[code] as ProblemType
    return {
      status: type.status,
      accident: false,
      retryAfter: type.status === 503 || type.status === 429 ? Number(params.retryAfter ?? 1) : undefined,
      body: {
        type: `${this.reference}/${code}`,
        title: type.title || (STATUS_CODES[type.status] ?? ''),
        status: type.status,
        detail: fill(type.detail, params),
        code,
        instance: context.requestId,
        trace_id: context.traceId,
        ...(errors?.length ? { errors: errors.slice(0, 50) } : {}),
      } as Problem,
    }
  }
}

const namedInput = (refusal: RefusalError): readonly InputError[] | undefined =>
  typeof refusal.params.pointer === 'string' ? [{ pointer: refusal.params.pointer, detail: String(refusal.params.detail ?? 'is not valid') }] : undefined

const fill = (text: string, params: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? `the ${name}`))

/** Status of what was thrown as far as it can be told without the list of the service; 0 when it cannot. */
export const problemsStatus = (thrown: unknown): number => {
  if (thrown instanceof RefusalError) return (commonProblems as ProblemList)[thrown.code]?.status ?? 0
  const { getStatus } = (thrown ?? {}) as { getStatus?: () => number }
  return typeof getStatus === 'function' ? getStatus.call(thrown) : 0
}
