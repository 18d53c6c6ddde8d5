/** The shape of a CASL rule as it is stored, sent and packed. https://casl.js.org/v7/en/api/casl-ability */
import { z } from 'zod'

const scalar = z.union([z.string().max(500), z.number(), z.boolean(), z.null()])
/** Operators that CASL evaluates in memory, without `$where` and `$regex`: no policy can run code or hang. */
const operators = z.strictObject({
  $eq: scalar.optional(),
  $ne: scalar.optional(),
  $gt: scalar.optional(),
  $gte: scalar.optional(),
  $lt: scalar.optional(),
  $lte: scalar.optional(),
  $in: z.array(scalar).max(200).optional(),
  $nin: z.array(scalar).max(200).optional(),
  $all: z.array(scalar).max(200).optional(),
  $size: z.number().int().min(0).optional(),
  $exists: z.boolean().optional(),
})
export const conditionField = z.string().regex(/^(?!.*(?:__proto__|constructor|prototype))[A-Za-z_][A-Za-z0-9_.-]{0,99}$/)

/** Field → value or operators. `${subject.id}`, `${subject.tenant}` and `${subject.organizations}` stand for the asking subject. */
export const conditions = z.record(conditionField, z.union([scalar, operators])).refine((c) => Object.keys(c).length <= 50)

/** Commas and blanks would be lost when CASL packs rules for the way to an SDK. */
const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, { error: 'must be letters, digits and . _ : -' })
/** `*` stands for any part of a field's name, at most three times: a pattern must not be able to hang whoever evaluates it. */
const fieldPattern = z.string().regex(/^(?!(?:[^*]*\*){4})[A-Za-z0-9_.*-]{1,100}$/, { error: 'must be a field name with at most three *' })
const templates = new Set(['${subject.id}', '${subject.tenant}', '${subject.organizations}'])

export const accessRule = z
  .strictObject({
    action: z.union([word, z.array(word).min(1).max(50)]),
    subject: z.union([word, z.array(word).min(1).max(50)]),
    fields: z.array(fieldPattern).min(1).max(100).optional(),
    conditions: conditions.optional(),
    /** A deny rule. */
    inverted: z.boolean().optional(),
    /** Told to whoever is refused by this rule. */
    reason: z.string().max(500).optional(),
  })
  .refine((rule) => [...JSON.stringify(rule.conditions ?? {}).matchAll(/\$\{[^}]*\}/g)].every(([template]) => templates.has(template)), {
    path: ['conditions'],
    error: 'has a template other than ${subject.id}, ${subject.tenant} and ${subject.organizations}',
  })
export type AccessRule = z.output<typeof accessRule>

export const accessRules = z.array(accessRule).max(500)
