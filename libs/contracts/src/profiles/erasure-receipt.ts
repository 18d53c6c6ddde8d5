/** What a signed receipt of an erasure says. It is the payload of a JWS (RFC 7515) with ES256. */
import { z } from 'zod'

/** `typ` of the JWS header, so that a receipt cannot pass for a token. */
export const receiptType = 'pavan-erasure-receipt+jws'

const instant = z.number().int().describe('Milliseconds since 1970')

export const erasureReceipt = z.object({
  version: z.literal(1),
  /** Base URL of the installation. */
  iss: z.string(),
  tenant: z.string(),
  /** The id under which the person was known; nothing else of them is left. */
  user: z.string(),
  erasure: z.string(),
  requestedAt: instant,
  /** When the person's key had been destroyed and the erasure was recorded. */
  erasedAt: instant,
  completedAt: instant,
  /** Whether free space and logs of every file were rewritten. */
  compacted: z.boolean(),
  stores: z
    .array(
      z.object({
        /** `service/table`; `service/events` is the event log, whose personal parts lost their key. */
        store: z.string(),
        /** Rows removed. */
        removed: z.number().int().min(0),
        /** Rows found afterwards. */
        residue: z.number().int().min(0),
        reportedAt: instant,
      }),
    )
    .min(1),
})
export type ErasureReceipt = z.output<typeof erasureReceipt>
