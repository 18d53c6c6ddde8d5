/** The view `signing-keys` in memory. */
import type { JsonWebKey } from 'node:crypto'
import { mirror } from '../service/mirror.js'
import { keyOf } from '../views/changes.js'
import type { Rows } from '../views/rows.js'
import type { Views } from '../views/views.js'
import { signingKeysTable, signingKeysView, type SigningKeyRow } from './signing-keys.view.js'
import { SigningKeys } from './token-verifier.js'

export class MirroredSigningKeys extends SigningKeys {
  readonly #rows = new Map<string, SigningKeyRow>()
  readonly #listeners: (() => void)[] = []

  constructor(
    readonly rows: Rows,
    readonly views: Views,
    private readonly baseUrl: string,
  ) {
    super()
  }

  open(): Promise<void> {
    const what = {
      view: signingKeysView.name,
      table: signingKeysTable,
      index: 'byTenant',
      keyOf: (row: SigningKeyRow) => keyOf(row.tenant, row.kid ?? 'issuer'),
    }
    return mirror(this, what, (key, row) => {
      if (row) this.#rows.set(key, row)
      else this.#rows.delete(key)
      for (const listener of this.#listeners) listener()
    })
  }

  find(tenant: string, kid: string): { readonly jwk: JsonWebKey; readonly verifiedUntil?: number } | undefined {
    const row = this.#rows.get(keyOf(tenant, kid))
    return row?.jwk ? { jwk: row.jwk as JsonWebKey, verifiedUntil: row.verifiedUntil } : undefined
  }

  issuer(tenant: string): string | undefined {
    const slug = this.#rows.get(keyOf(tenant, 'issuer'))?.slug
    return slug && `${this.baseUrl}/t/${slug}`
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
