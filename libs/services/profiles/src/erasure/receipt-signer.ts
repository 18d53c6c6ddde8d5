/** Signs receipts (JWS with ES256, RFC 7515 and 7518) under a key of this service's own. */
import { Inject, Injectable } from '@nestjs/common'
import { orThrow, type EventMeta } from '@pavan/kernel'
import { receiptType, type ErasureReceipt } from '@pavan/contracts/profiles/erasure-receipt.js'
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { ProfileAggregates } from '../profile-aggregates.js'
import type { Jwk, ReceiptKeyState } from './receipt-key.decider.js'

/** The key belongs to the installation, which is no tenant. */
const place = { tenant: 'system', id: 'erasures' }
const meta: EventMeta = { actor: { type: 'system', id: 'profiles' }, reason: 'first receipt' }

@Injectable()
export class ReceiptSigner {
  constructor(@Inject(ProfileAggregates) private readonly aggregates: ProfileAggregates) {}

  /** Public keys of every receipt there is, as members of a JWK Set. */
  async publicKeys(): Promise<Jwk[]> {
    return (await this.keys()).map(({ kid, publicJwk }) => ({ ...publicJwk, kid, alg: 'ES256', use: 'sig' }))
  }

  /** The receipt as a JWS in compact form; `kid` is the thumbprint of the key (RFC 7638). */
  async sign(receipt: ErasureReceipt): Promise<string> {
    const keys = await this.keys()
    const key = keys[0]?.privateJwk ? keys[0] : (await this.create())[0]
    if (!key?.privateJwk) throw new Error('the key that signs receipts cannot be opened')
    return new CompactSign(new TextEncoder().encode(JSON.stringify(receipt)))
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: receiptType })
      .sign(await importJWK(key.privateJwk as JWK, 'ES256'))
  }

  private async keys(): Promise<ReceiptKeyState> {
    return (await this.aggregates.receiptKeys.load(place.tenant, place.id)).state
  }

  private async create(): Promise<ReceiptKeyState> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const publicJwk = await exportJWK(publicKey)
    const command = {
      type: 'create',
      kid: await calculateJwkThumbprint(publicJwk),
      publicJwk: { ...publicJwk },
      privateJwk: { ...(await exportJWK(privateKey)) },
    } as const
    return orThrow(await this.aggregates.receiptKeys.handle({ ...place, meta }, command)).state
  }
}
