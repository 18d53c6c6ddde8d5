/** oidc-provider's adapter for browser sessions. */
import { errors, type AdapterPayload } from 'oidc-provider'
import { insert, patch, remove } from '@pavan/platform/views/changes.js'
import { sessionRows, type SessionRow } from '../session/sessions.table.js'
import { BaseAdapter, withoutBearer } from './artifact-adapters.js'
import { fingerprint } from './oidc-tables.js'
import { currentUnit } from './token-unit.js'

/** The row is keyed by the session's id, so that a new cookie (after each sign-in) is a change of the row and not another row. */
export class SessionAdapter extends BaseAdapter {
  async find(cookie: string): Promise<AdapterPayload | undefined> {
    const row = await this.#byCookie(cookie)
    return row?.payload && row.phase === 'alive' ? { ...row.payload, jti: cookie } : undefined
  }

  override async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const row = await this.parts.rows.get(sessionRows, this.#key(uid))
    return row?.payload && row.phase === 'alive' ? { ...row.payload } : undefined
  }

  async upsert(cookie: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
    const id = payload.uid as string
    const key = this.#key(id)
    const fields = {
      cookie: fingerprint(cookie),
      payload: withoutBearer(payload),
      seenAt: this.parts.clock.now(),
      expiresAt: this.expiry(payload, expiresIn),
    }
    const unit = currentUnit()
    // Somebody is signed in: `Sessions` made the row before.
    if (unit && payload.accountId !== undefined) return unit.add(patch(sessionRows, key, fields, { phase: 'alive' }), { guard: 'Session' }) as undefined
    if (await this.apply(patch(sessionRows, key, fields, { phase: 'alive' }))) return
    const row: SessionRow = { tenant: this.parts.tenant, id, phase: 'alive', ...fields }
    if (await this.apply(insert(sessionRows, key, row))) return
    // It ended while this request was running: nothing may bring it back.
    throw new errors.SessionNotFound('session has ended')
  }

  /** The cookie is given up: oidc-provider calls this for an old cookie, too, so it does not end the session (`Sessions.end` does). */
  async destroy(cookie: string): Promise<undefined> {
    const row = await this.#byCookie(cookie)
    if (!row) return
    const key = this.#key(row.id)
    // Nobody has signed in: there is nothing to remember.
    if (!row.user) await this.apply(remove(sessionRows, key, { cookie: row.cookie }))
    else await this.apply(patch(sessionRows, key, { cookie: undefined }, { cookie: row.cookie }))
  }

  async #byCookie(cookie: string): Promise<SessionRow | undefined> {
    const where = { tenant: this.parts.tenant, cookie: fingerprint(cookie) }
    return (await this.parts.rows.find(sessionRows, { index: 'byCookie', where, limit: 1 })).items[0]
  }

  #key(id: string): string {
    return `${this.parts.tenant}/${id}`
  }
}
