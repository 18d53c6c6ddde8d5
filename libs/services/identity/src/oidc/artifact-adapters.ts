/** oidc-provider's adapter for codes, tokens and grants, written once over Rows. One adapter object per tenant and model. */
import { errors, Provider, type Adapter, type AdapterPayload } from 'oidc-provider'
import type { Clock } from '@pavan/kernel'
import { drawRandom } from '@pavan/platform/service/random-pool.js'
import { insert, patch, put, remove, removeAll } from '@pavan/platform/views/changes.js'
import type { RowChange, Rows } from '@pavan/platform/views/rows.js'
import { outcomeOf } from './carried-outcome.js'
import { artifacts, fingerprint, used, waiting, type ArtifactRow, type Payload } from './oidc-tables.js'
import { currentUnit } from './token-unit.js'
import type { WaitingInteractions } from './waiting-interactions.js'

export interface AdapterParts {
  readonly tenant: string
  readonly rows: Rows
  readonly clock: Clock
  /** Where no other process has the rows. */
  readonly interactions?: WaitingInteractions
}

type Change = RowChange<any>

/** oidc-provider's types name every optional method as required. */
export abstract class BaseAdapter implements Adapter {
  constructor(protected readonly parts: AdapterParts) {}

  abstract find(id: string): Promise<AdapterPayload | undefined>
  abstract upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined>
  abstract destroy(id: string): Promise<undefined>

  async consume(_id: string): Promise<undefined> {
    throw new Error('nothing of this kind is consumed')
  }

  async findByUid(_uid: string): Promise<AdapterPayload | undefined> {
    return undefined
  }

  async findByUserCode(_userCode: string): Promise<AdapterPayload | undefined> {
    return undefined
  }

  async revokeByGrantId(_grantId: string): Promise<undefined> {
    return undefined
  }

  protected get seconds(): number {
    return Math.floor(this.parts.clock.now() / 1000)
  }

  protected expiry(payload: AdapterPayload, expiresIn: number | undefined): number {
    return (payload.exp ?? this.seconds + (expiresIn ?? 0)) * 1000
  }

  /** Writes now; false when a condition did not hold. */
  protected async apply(...changes: readonly Change[]): Promise<boolean> {
    return (await this.parts.rows.apply(changes)).applied
  }
}

/** The bearer value is left out: whoever finds the row by it knows it. */
export const withoutBearer = ({ jti: _, ...payload }: AdapterPayload): Payload => payload

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const artifactRow = (tenant: string, model: string, payload: AdapterPayload, expiresAt: number): ArtifactRow => ({
  tenant,
  model,
  grant: text(payload.grantId),
  session: text(payload.sessionUid),
  user: text(payload.accountId),
  client: text(payload.clientId),
  payload: withoutBearer(payload),
  expiresAt,
})

/** Authorization codes, opaque access tokens and grants. */
export class ArtifactAdapter extends BaseAdapter {
  constructor(
    parts: AdapterParts,
    protected readonly model: string,
  ) {
    super(parts)
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const key = this.key(id)
    currentUnit()?.known.add(key)
    const row = await this.parts.rows.get(artifacts, key)
    return row && { ...row.payload, jti: id, ...(row.consumed === undefined ? {} : { consumed: row.consumed }) }
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
    const row = artifactRow(this.parts.tenant, this.model, payload, this.expiry(payload, expiresIn))
    const key = this.key(id)
    const unit = currentUnit()
    // Ids are random: what the request has not looked up before, it has made.
    if (unit) unit.add(put(artifacts, key, row, { fresh: !unit.known.has(key) }))
    else await this.apply(put(artifacts, key, row))
  }

  override async consume(id: string): Promise<undefined> {
    const change = patch(artifacts, this.key(id), { consumed: this.seconds }, { consumed: undefined })
    const unit = currentUnit()
    if (unit) return unit.add(change, { guard: 'AuthorizationCode' }) as undefined
    if (!(await this.apply(change))) throw new errors.InvalidGrant('already consumed')
  }

  async destroy(id: string): Promise<undefined> {
    await this.apply(remove(artifacts, this.key(id)))
  }

  override async revokeByGrantId(grantId: string): Promise<undefined> {
    await this.apply(removeAll(artifacts, 'byGrant', { tenant: this.parts.tenant, grant: grantId, model: this.model }))
  }

  protected key(id: string): string {
    return artifactKey(this.parts.tenant, this.model, id)
  }
}

export const artifactKey = (tenant: string, model: string, id: string): string => `${tenant}/${model}/${fingerprint(id)}`

const familyLength = 22
/**
 * The row of a family lives up to an hour longer than its token, in milliseconds. When the token ends is in its payload, and the provider heeds that;
 * most rotations then leave the indexes of the table as they are.
 */
const rowStep = 3_600_000

/** A refresh token names its family in its first 22 characters; the other 43 are its secret. `family` is absent for the first of a family. */
export const makeRefreshToken = (family?: string): string => (family ?? drawRandom(16).toString('base64url')) + drawRandom(32).toString('base64url')
export const familyOf = (token: string): string => token.slice(0, familyLength)

/**
 * Refresh tokens: one row for each family, which knows the one good member. Rotation replaces it by one conditional patch;
 * an older member of a living family is recognised as used, for as long as the family lives, without keeping it.
 */
export class RefreshTokenAdapter extends ArtifactAdapter {
  constructor(parts: AdapterParts) {
    super(parts, 'RefreshToken')
  }

  override async find(id: string): Promise<AdapterPayload | undefined> {
    const row = await this.parts.rows.get(artifacts, this.key(id))
    if (!row) return undefined
    return { ...row.payload, jti: id, ...(row.current === fingerprint(id) ? {} : { consumed: row.consumed ?? this.seconds }) }
  }

  override async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
    const until = Math.ceil(this.expiry(payload, expiresIn) / rowStep) * rowStep
    const row = { ...artifactRow(this.parts.tenant, this.model, payload, until), current: fingerprint(id) }
    const unit = currentUnit()
    const from = unit?.rotating.get(familyOf(id))
    if (unit && from) {
      const { current, expiresAt } = row
      const set = { current, expiresAt, payload: row.payload, consumed: this.seconds }
      return unit.add(patch(artifacts, this.key(id), set, { current: from }), { guard: 'RefreshToken' }) as undefined
    }
    // What does not rotate begins a family, under a name that was drawn for it.
    const change = put(artifacts, this.key(id), row, { fresh: true })
    if (unit) unit.add(change)
    else await this.apply(change)
  }

  /** The family's row is changed by the token that follows, in the same commit. */
  override async consume(id: string): Promise<undefined> {
    const unit = currentUnit()
    if (!unit) throw new Error('a refresh token is consumed by a token request only')
    unit.rotating.set(familyOf(id), fingerprint(id))
  }

  protected override key(id: string): string {
    return artifactKey(this.parts.tenant, this.model, familyOf(id))
  }
}

/** Interactions and pushed authorization requests (RFC 9126). */
export class WaitingAdapter extends BaseAdapter {
  constructor(
    parts: AdapterParts,
    private readonly model: string,
  ) {
    super(parts)
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const key = this.#key(id)
    const known = this.#remembered?.find(key)
    const row = known ?? (await this.parts.rows.get(waiting, key))
    if (row && !known) this.#remembered?.keep(key, row, true)
    const outcome = this.model === 'Interaction' ? outcomeOf(Provider.ctx?.req) : undefined
    const result = outcome?.uid === id ? { result: outcome.result } : undefined
    return row?.sealed && { ...row.sealed, ...result, jti: id, ...(row.consumed === undefined ? {} : { consumed: row.consumed }) }
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
    const row = { tenant: this.parts.tenant, model: this.model, sealed: withoutBearer(payload), expiresAt: this.expiry(payload, expiresIn) }
    const key = this.#key(id)
    // With a result it is no new one: it was found before, and had to make room meanwhile.
    if (this.#remembered && (this.#remembered.has(key) || payload.result === undefined)) return this.#remembered.keep(key, row) as undefined
    const change = put(waiting, key, row)
    const unit = currentUnit()
    if (unit) unit.add(change)
    else await this.apply(change)
  }

  override async consume(id: string): Promise<undefined> {
    if (!(await this.apply(patch(waiting, this.#key(id), { consumed: this.seconds }, { consumed: undefined }))))
      throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
  }

  /** An interaction is resumed once: whoever finds it gone gets no code. */
  async destroy(id: string): Promise<undefined> {
    const key = this.#key(id)
    const unit = currentUnit()
    const taken = this.#remembered?.take(key)
    if (taken && unit) unit.otherwise(taken.putBack)
    if (taken && !taken.stored) return
    // Somebody else was faster, unless it had to make room meanwhile.
    if (this.#remembered && !taken && !(await this.parts.rows.get(waiting, key))) throw new errors.SessionNotFound('interaction session not found')
    if (unit) unit.add(remove(waiting, key, { model: this.model }), { guard: 'Interaction' })
    else await this.apply(remove(waiting, key))
  }

  get #remembered(): WaitingInteractions | undefined {
    return this.model === 'Interaction' ? this.parts.interactions : undefined
  }

  #key(id: string): string {
    return `${this.parts.tenant}/${this.model}/${fingerprint(id)}`
  }
}

/** `jti` values: the insert decides, there is nothing to look up first. */
export class ReplayAdapter extends BaseAdapter {
  async find(id: string): Promise<AdapterPayload | undefined> {
    return (await this.parts.rows.get(used, this.#key(id))) && { jti: id }
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
    if (!(await this.once(id, this.expiry(payload, expiresIn)))) throw new errors.InvalidGrant('jti was used before')
  }

  /** True for the first of all who ask. */
  once(id: string, expiresAt: number): Promise<boolean> {
    return this.apply(insert(used, this.#key(id), { tenant: this.parts.tenant, expiresAt }))
  }

  async destroy(id: string): Promise<undefined> {
    await this.apply(remove(used, this.#key(id)))
  }

  #key(id: string): string {
    return `${this.parts.tenant}/${id}`
  }
}
