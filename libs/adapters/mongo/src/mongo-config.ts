import { z } from 'zod'

/** Environment of what runs on MongoDB. */
export const mongoConfig = z.object({
  MONGODB_URL: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, { error: 'must begin with mongodb:// or mongodb+srv://' })
    .max(4096)
    .describe('Connection string of the MongoDB server or replica set'),
  PAVAN_DATABASE_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, { error: 'must be up to 31 small letters, digits and hyphens' })
    .default('pavan')
    .describe('Beginning of the database names: each service has `<prefix>_<service>`, subject keys are in `<prefix>_keys`'),
  PAVAN_PARTITIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(16)
    .describe('Partitions of the log of each service; recorded at the first start, and the same for ever after'),
  PAVAN_CLAIM_KEY: z
    .string()
    .refine((text) => Buffer.from(text, 'base64').length === 32, { error: 'must be 32 bytes in base64' })
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))
    .describe('Key of the hashes of unique values such as e-mail addresses, 32 bytes in base64; the same for all copies, for ever'),
})
export type MongoConfig = z.output<typeof mongoConfig>
