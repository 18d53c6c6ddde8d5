import { z } from 'zod'

const perMinute = (value: number) => z.coerce.number().int().min(0).max(100_000_000).default(value)

/** Environment of the gateway. A limit of 0 is no limit. */
export const gatewayConfig = z.object({
  /** Base URL under which the system is reached from outside. */
  PAVAN_URL: z.url({ protocol: /^https?$/ }),
  /** Requests a minute from one address. The machine's own addresses are not counted: a proxy may stand there. */
  PAVAN_RATE_ADDRESS: perMinute(6_000),
  /** Requests a minute of one tenant. */
  PAVAN_RATE_TENANT: perMinute(600_000),
  /** Requests a minute of one client of a tenant. */
  PAVAN_RATE_CLIENT: perMinute(300_000),
  /** Requests in work at a time before 503 is answered. */
  PAVAN_MAX_IN_FLIGHT: z.coerce.number().int().min(10).max(100_000).default(2_000),
  /** Milliseconds that the event loop may be late on average before 503 is answered. */
  PAVAN_MAX_LOOP_DELAY: z.coerce.number().int().min(20).max(60_000).default(1_000),
  /** Where the services are when they run elsewhere: `identity=http://identity:8081,admin=http://admin:8081`. */
  PAVAN_SERVICES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .filter(Boolean)
        .map((entry) => entry.split('=', 2) as [string, string]),
    )
    .refine((entries) => entries.every(([name, url]) => /^[a-z-]+$/.test(name) && URL.canParse(url)), { error: 'must be name=url,name=url' }),
})
export type GatewayConfig = z.output<typeof gatewayConfig>
