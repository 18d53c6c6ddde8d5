/** The declarative schema of a profile: which attributes people of a tenant have, and what their values may be. */
import { z } from 'zod'

/** Named formats instead of free patterns: each one is linear in the length of its input, so no value can make it hang. */
export const textFormats = {
  letters: /^[\p{L}\p{M}' -]*$/u,
  digits: /^\d*$/,
  alphanumeric: /^[\p{L}\p{M}\d]*$/u,
  slug: /^[a-z0-9-]*$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  'language-tag': /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/,
  'time-zone': /^[A-Za-z][A-Za-z0-9]*([_+-][A-Za-z0-9]+)*(\/[A-Za-z][A-Za-z0-9]*([_+-][A-Za-z0-9]+)*){0,2}$/,
} as const satisfies Record<string, RegExp>
export type TextFormat = keyof typeof textFormats

export const attributeTypes = ['string', 'number', 'boolean', 'date', 'email', 'phone', 'url', 'enum', 'address', 'string-list'] as const

/** Names that mean something to JavaScript objects are no attribute keys. */
const attributeKey = z
  .string()
  .regex(/^(?!constructor$|prototype$)[a-z][a-z0-9_]{0,63}$/, { error: 'must be 1 to 64 lower-case letters, digits and underscores' })
const access = z.enum(['none', 'read', 'write'])

export const attributeDefinition = z
  .strictObject({
    /** Where OpenID Connect Core section 5.1 has a standard claim, its name is the key. */
    key: attributeKey,
    /** BCP 47 language tag → text. */
    label: z
      .record(z.string().regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$/), z.string().min(1).max(120))
      .refine((labels) => Object.keys(labels).length <= 50),
    type: z.enum(attributeTypes),
    /** A profile without it is not complete; once set it cannot be removed. */
    required: z.boolean().default(false),
    /** Characters of a text, 255 when nothing is said. */
    maxLength: z.number().int().min(1).max(4000).optional(),
    /** For `string`. */
    format: z.enum(Object.keys(textFormats) as [TextFormat, ...TextFormat[]]).optional(),
    /** For `enum`. */
    options: z.array(z.string().min(1).max(120)).min(1).max(200).optional(),
    visibility: z.strictObject({ self: access.default('write'), admin: access.default('write') }).prefault({}),
  })
  .superRefine((attribute, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if ((attribute.type === 'enum') !== (attribute.options !== undefined)) say('options', 'must be given for an enum, and only there')
    if (attribute.format !== undefined && attribute.type !== 'string') say('format', 'is for the type string')
    if (attribute.options && new Set(attribute.options).size !== attribute.options.length) say('options', 'must not repeat an option')
  })
export type AttributeDefinition = z.output<typeof attributeDefinition>

const line = z.string().trim().min(1)
/** OpenID Connect Core section 5.1.1. */
const address = z.strictObject({
  formatted: line.max(500).optional(),
  street_address: line.max(300).optional(),
  locality: line.max(120).optional(),
  region: line.max(120).optional(),
  postal_code: line.max(32).optional(),
  country: line.max(80).optional(),
})

/** What a value of the attribute must be. */
export const valueSchema = (attribute: AttributeDefinition): z.ZodType => {
  const length = attribute.maxLength ?? 255
  switch (attribute.type) {
    case 'string': {
      const text = line.max(length).refine((value) => !value.includes('\u0000'), { error: 'must not hold a NUL character' })
      return attribute.format ? text.regex(textFormats[attribute.format], { error: `is not of the format ${attribute.format}` }) : text
    }
    case 'number':
      return z.number().min(-1e15).max(1e15)
    case 'boolean':
      return z.boolean()
    case 'date':
      return z.iso.date()
    case 'email':
      return z.email().max(254)
    case 'phone':
      return z.e164({ error: 'must be an E.164 number such as +4915112345678' })
    case 'url':
      return z.url({ protocol: /^https$/ }).max(2000)
    case 'enum':
      return z.enum((attribute.options ?? ['']) as [string, ...string[]])
    case 'address':
      return address.refine((value) => Object.keys(value).length > 0, { error: 'must have at least one part' })
    case 'string-list':
      return z.array(line.max(Math.min(length, 500))).max(50)
  }
}
