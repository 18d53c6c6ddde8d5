import { z } from 'zod'
import { logLevels } from '../telemetry/log.js'

const base64Key = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === 32, { error: 'must be 32 bytes in base64' })
  .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))

/** `identity=http://a:8080|http://b:8080,admin=http://c:8080`: the copies of each service. */
const services = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter(Boolean))
  .pipe(z.array(z.string().regex(/^[a-z-]+=https?:\/\/[^|,\s]+(\|https?:\/\/[^|,\s]+)*$/, { error: 'must be name=url|url,name=url' })))
  .transform((entries) => entries.map((entry) => ({ name: entry.slice(0, entry.indexOf('=')), urls: entry.slice(entry.indexOf('=') + 1).split('|') })))

/** Environment of every application. */
export const appConfig = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080).describe('Port on which it listens; 0 takes a free one'),
  HOST: z.string().max(255).default('127.0.0.1').describe('Address on which it listens; 0.0.0.0 means all'),
  PAVAN_DATA: z.string().min(1).max(4096).default('./data').describe('Folder of the embedded store'),
  PAVAN_URL: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe('Base URL under which people reach the system; http://localhost:PORT by default'),
  PAVAN_SERVICES: services.describe(
    'For a gateway in a process of its own: where the copies of each service are, `identity=http://a:8080|http://b:8080,admin=…`',
  ),
  PAVAN_KEK: base64Key.optional().describe('Key-encryption key, 32 bytes in base64; by default a key is made and kept in the data folder'),
  PAVAN_KEK_FORMER: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter(Boolean))
    .pipe(z.array(base64Key))
    .describe('Key-encryption keys that only decrypt, separated by commas'),
  PAVAN_TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0).describe('How many proxies in front may set X-Forwarded-For'),
  LOG_LEVEL: z.enum(logLevels).default('info').describe('Least serious level that is logged'),
  LOG_FORMAT: z.enum(['json', 'readable']).optional().describe('`readable` is the default on a terminal'),
})
export type AppConfig = z.output<typeof appConfig>
