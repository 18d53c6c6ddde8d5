/** The key pair that signs receipts of erasures: one for the installation, made when the first receipt needs it. */
import type { Decider } from '@pavan/kernel'
import { receiptKeyCreated, type EventOf } from '@pavan/contracts'

/** JSON Web Key (RFC 7517). */
export type Jwk = Readonly<Record<string, unknown>>

export interface ReceiptKeyCommand {
  readonly type: 'create'
  /** Thumbprint of the public key (RFC 7638). */
  readonly kid: string
  readonly publicJwk: Jwk
  readonly privateJwk: Jwk
}
export type ReceiptKeyEvent = EventOf<typeof receiptKeyCreated>

export interface ReceiptKey {
  readonly kid: string
  readonly publicJwk: Jwk
  readonly privateJwk?: Jwk
}

/** Every key there was; the first one signs. */
export type ReceiptKeyState = readonly ReceiptKey[]

export const receiptKeyDecider: Decider<ReceiptKeyCommand, ReceiptKeyEvent, ReceiptKeyState> = {
  category: 'receipt-key',
  initial: [],
  decide({ kid, publicJwk, privateJwk }, keys) {
    return keys.length > 0 ? [] : [receiptKeyCreated.of({ data: { kid, jwk: { ...publicJwk } }, secret: { jwk: { ...privateJwk } } })]
  },
  evolve: (keys, { data, secret }) => [...keys, { kid: data.kid, publicJwk: data.jwk, privateJwk: secret?.jwk }],
}
