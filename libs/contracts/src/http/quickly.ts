/** A schema with a short cut, for bodies with a thousand entries. */
import { z } from 'zod'

/**
 * Takes the value as it is where `looksRight` says so; otherwise the schema judges and says what is wrong.
 * `looksRight` must not let through what the schema refuses, and the schema must not change values.
 */
export const quickly = <S extends z.ZodType>(schema: S, looksRight: (value: Record<string, unknown>) => boolean): z.ZodType<z.output<S>> => {
  const quick = z.unknown().superRefine((value, context) => {
    if (typeof value === 'object' && value !== null && looksRight(value as Record<string, unknown>)) return
    for (const issue of schema.safeParse(value).error?.issues ?? []) {
      const message =
        issue.code === 'unrecognized_keys'
          ? `has unknown keys: ${issue.keys
              .slice(0, 5)
              .map((key) => key.slice(0, 40))
              .join(', ')}`
          : issue.message
      context.addIssue({ code: 'custom', path: [...issue.path], message })
    }
  })
  // The API document shows the schema itself, not what it was refined from.
  quick._zod.parent = undefined
  quick._zod.toJSONSchema = () => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return quick as unknown as z.ZodType<z.output<S>>
}
