/** Versions of a resource as entity tags (RFC 9110 section 8.8.3): the version of its stream, strong. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'

export const etagOf = (version: number): string => `"${version}"`

/** Sets the ETag header of an answer. */
export const answerEtag = (reply: { header(name: string, value: string): unknown }, version: number): void => {
  reply.header('etag', etagOf(version))
}

/** Version in an If-Match header; `undefined` when there is none or it is `*`. */
export const parseIfMatch = (header: string | undefined): number | undefined => {
  if (header === undefined || header.trim() === '*') return undefined
  const version = /^"(\d{1,15})"$/.exec(header.trim())?.[1]
  if (version === undefined) throw new RefusalError('request.parameter.invalid', { pointer: 'If-Match' })
  return Number(version)
}

/** The version that the caller has seen. `@IfMatch({ required: true })` refuses a request without it (RFC 6585 section 3). */
export const IfMatch = createParamDecorator((options: { required?: boolean } | undefined, context: ExecutionContext) => {
  const header = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>().headers['if-match']
  if (header === undefined && options?.required) throw new RefusalError('request.version.required')
  return parseIfMatch(header)
})
