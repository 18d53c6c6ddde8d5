import { z } from 'zod'

const perMinute = (value: number) => z.coerce.number().int().min(0).max(100_000_000).default(value)

/** Environment of the gateway. A limit of 0 is no limit. */
export const gatewayConfig = z.object({
  PAVAN_RATE_LIMITS: z.enum(['on', 'off']).default('on').describe('`off` lets everybody ask as often as they like: for measurements only'),
  PAVAN_RATE_ADDRESS: perMinute(6_000).describe("Requests a minute from one address; the machine's own addresses are not counted"),
  PAVAN_RATE_TENANT: perMinute(600_000).describe('Requests a minute of one tenant'),
  PAVAN_RATE_CLIENT: perMinute(300_000).describe('Requests a minute of one client of a tenant'),
  PAVAN_MAX_IN_FLIGHT: z.coerce.number().int().min(10).max(100_000).default(2_000).describe('Requests in work at a time before 503 is answered'),
  PAVAN_MAX_LOOP_DELAY: z.coerce
    .number()
    .int()
    .min(20)
    .max(60_000)
    .default(1_000)
    .describe('Milliseconds that the event loop may be late on average before 503 is answered'),
})
export type GatewayConfig = z.output<typeof gatewayConfig>
