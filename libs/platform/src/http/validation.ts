/** Checks inputs by the Zod schemas of the route: `@Body({ schema })`, `@Query({ schema })`, `@Param('id', { schema })`. */
import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common'
import { z } from 'zod'
import { InputErrors } from './problems.js'

type Issue = z.core.$ZodIssue

const strict = new WeakMap<z.ZodType, z.ZodType>()

/** Unknown keys of a body are refused, even where the schema does not say so. */
const strictly = (schema: z.ZodType): z.ZodType => {
  let known = strict.get(schema)
  if (!known) {
    known = schema instanceof z.ZodObject && schema._zod.def.catchall === undefined ? schema.strict() : schema
    strict.set(schema, known)
  }
  return known
}

const escape = (segment: PropertyKey): string => String(segment).replaceAll('~', '~0').replaceAll('/', '~1')

const pointerOf = (metadata: ArgumentMetadata, issue: Issue): string =>
  metadata.type === 'body' && metadata.data === undefined
    ? issue.path.map((segment) => `/${escape(segment)}`).join('')
    : [metadata.data, ...issue.path]
        .filter((part) => part !== undefined)
        .map(String)
        .join('.')

/** Key names are the caller's own text: they are told back shortened. */
const detailOf = (issue: Issue): string =>
  (issue.code === 'unrecognized_keys'
    ? `has unknown keys: ${issue.keys
        .slice(0, 5)
        .map((key) => key.slice(0, 40))
        .join(', ')}`
    : issue.message
  ).slice(0, 300)

@Injectable()
export class SchemaPipe implements PipeTransform {
  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const schema = metadata.schema as z.ZodType | undefined
    if (!schema || metadata.type === 'custom') return value
    const body = metadata.type === 'body'
    const result = await (body ? strictly(schema) : schema).safeParseAsync(value)
    if (result.success) return result.data
    throw new InputErrors(
      body ? 'request.body.invalid' : 'request.parameter.invalid',
      result.error.issues.map((issue) => ({ pointer: pointerOf(metadata, issue), detail: detailOf(issue) })),
    )
  }
}
