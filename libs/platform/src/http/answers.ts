/** What an operation answers: one declaration makes the status, strips undeclared fields, and documents it. */
import { applyDecorators, HttpCode, SerializeOptions } from '@nestjs/common'
import type { z } from 'zod'

export interface AnswerOptions {
  /** What the answer means, one sentence. */
  readonly description?: string
  /** A whole answer as it may really look. */
  readonly example?: unknown
  /** One line for the list of operations: "Create a tenant". */
  readonly summary?: string
}

export interface AnswerDeclaration extends AnswerOptions {
  readonly status: number
  readonly schema?: z.ZodType
}

export const answersKey = 'pavan:answers'
export const refusesKey = 'pavan:refuses'

/**
 * Declares the answer of success. What the schema does not name is never sent. Without a schema (204) there is no body.
 * `@Answers(201, user, { summary: 'Register a user', description: 'The new user.', example: {...} })`
 */
export const Answers = (status: number, schema?: z.ZodType, options: AnswerOptions = {}): MethodDecorator =>
  applyDecorators(
    HttpCode(status),
    ...(schema ? [SerializeOptions({ schema })] : []),
    (_target: object, _name: string | symbol, descriptor: PropertyDescriptor) => {
      const declared: AnswerDeclaration = { status, schema, ...options }
      Reflect.defineMetadata(answersKey, declared, descriptor.value as object)
    },
  )

/** Names the problem codes that the operation may answer besides the common ones; they appear in `/openapi.json`. */
export const Refuses =
  (...codes: string[]): MethodDecorator =>
  (_target, _name, descriptor: PropertyDescriptor) =>
    Reflect.defineMetadata(refusesKey, codes, descriptor.value as object)

export const answerOf = (handler: object): AnswerDeclaration | undefined => Reflect.getMetadata(answersKey, handler) as AnswerDeclaration | undefined

export const refusalsOf = (handler: object): readonly string[] => (Reflect.getMetadata(refusesKey, handler) as string[] | undefined) ?? []
