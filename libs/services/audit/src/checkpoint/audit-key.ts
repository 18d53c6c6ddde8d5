/** The key that signs checkpoints: ES256, made at first use, its private part encrypted at rest. One for the installation. */
import { Inject, Injectable } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import { KeyRing } from '@pavan/platform/privacy/key-ring.js'
import { insert } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose'
import { checkpointType, type CheckpointClaims } from '@pavan/contracts/audit/audit.contract.js'
import { auditKeysTable, type AuditKeyRow } from './checkpoints.tables.js'

const place = { tenant: 'system', subject: 'audit-signing', name: 'current' }

@Injectable()
export class AuditKey {
  #current: Promise<{ readonly key: CryptoKey; readonly row: AuditKeyRow }> | undefined

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(KeyRing) private readonly keys: KeyRing,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async sign(claims: CheckpointClaims): Promise<string> {
    const { key, row } = await this.#key()
    return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: row.kid, typ: checkpointType }).sign(key)
  }

  async public(): Promise<readonly JWK[]> {
    const { row } = await this.#key()
    return [{ ...row.jwk, kid: row.kid, alg: 'ES256', use: 'sig' }]
  }

  #key() {
    this.#current ??= this.#load().catch((error: unknown) => {
      this.#current = undefined
      throw error
    })
    return this.#current
  }

  async #load() {
    if (!(await this.rows.get(auditKeysTable, place.name))) await this.#make()
    const row = (await this.rows.get(auditKeysTable, place.name)) as AuditKeyRow
    const jwk = (await this.keys.open(place.tenant, place.subject, place.name, row.sealed)) as JWK
    return { key: (await importJWK(jwk, 'ES256')) as CryptoKey, row }
  }

  /** Of several copies that start together one wins; all read what is stored. */
  async #make(): Promise<void> {
    const pair = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(pair.publicKey)
    const sealed = await this.keys.seal(place.tenant, place.subject, place.name, await exportJWK(pair.privateKey))
    const kid = await calculateJwkThumbprint(jwk)
    await this.rows.apply([insert(auditKeysTable, place.name, { kid, jwk, sealed, createdAt: this.clock.now() })])
  }
}
