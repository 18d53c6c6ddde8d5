/** Checks a patch against the schema of the tenant and what the caller may write. */
import type { AttributeDefinition } from '@pavan/contracts/profiles/attribute.js'
import { valueSchema } from '@pavan/contracts/profiles/attribute.js'
import { InputErrors, type InputError } from '@pavan/platform/http/problems.js'
import type { ProfileValues } from './profile-values.js'

export type Reader = 'self' | 'admin'

/** The attributes that somebody may see. */
export const visibleTo = (reader: Reader, schema: readonly AttributeDefinition[]): readonly AttributeDefinition[] =>
  schema.filter(({ visibility }) => visibility[reader] !== 'none')

/** The values as they are stored. Throws `InputErrors` with a pointer to each wrong attribute, never with a value. */
export const checkPatch = (patch: ProfileValues, schema: readonly AttributeDefinition[], writer: Reader): ProfileValues => {
  const errors: InputError[] = []
  const values: Record<string, unknown> = {}
  const known = new Map(visibleTo(writer, schema).map((attribute) => [attribute.key, attribute]))
  for (const [key, value] of Object.entries(patch)) {
    const pointer = `/attributes/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const attribute = known.get(key)
    if (!attribute) errors.push({ pointer, detail: 'is not an attribute of the profile' })
    else if (attribute.visibility[writer] !== 'write') errors.push({ pointer, detail: 'can only be read' })
    else if (value === null) {
      if (attribute.required) errors.push({ pointer, detail: 'is required and cannot be removed' })
      else values[key] = null
    } else {
      const result = valueSchema(attribute).safeParse(value)
      if (result.success) values[key] = result.data
      else errors.push(...result.error.issues.map((issue) => ({ pointer: [pointer, ...issue.path].join('/'), detail: issue.message })))
    }
  }
  if (errors.length > 0) throw new InputErrors('request.body.invalid', errors)
  return values
}
