/** Reads and changes one profile: the attributes from their stream, which is exact; account and e-mail from the view. */
import { Inject, Injectable } from '@nestjs/common'
import { orThrow, RefusalError } from '@pavan/kernel'
import type { ProfileAnswer } from '@pavan/contracts/profiles/profiles.contract.js'
import type { CommandEnvelope } from '@pavan/platform/http/command.js'
import { keyOf } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Erasures } from '../erasure/erasures.js'
import { ProfileAggregates } from '../profile-aggregates.js'
import { checkPatch, visibleTo, type Reader } from './profile-patch.js'
import { profiles } from './profiles.view.js'
import type { ProfileValues } from './profile-values.js'

export interface ProfilePlace {
  readonly tenant: string
  readonly user: string
  readonly reader: Reader
}

@Injectable()
export class ProfileReader {
  constructor(
    @Inject(ProfileAggregates) private readonly aggregates: ProfileAggregates,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Erasures) private readonly erasures: Erasures,
  ) {}

  /** The profile as the reader may see it. Refuses where there is none, and where the person is erased. */
  async read({ tenant, user, reader }: ProfilePlace): Promise<ProfileAnswer> {
    await this.refuseErased(tenant, user)
    const row = await this.rows.get(profiles, keyOf(tenant, user))
    // One's own account may be younger than the view.
    if (!row?.registered && reader !== 'self') throw new RefusalError('profiles.profile.not-found')
    const { state, version } = await this.aggregates.profiles.load(tenant, user)
    const schema = visibleTo(reader, await this.schema(tenant))
    const values: ProfileValues = { ...(row?.personal?.name === undefined ? {} : { name: row.personal.name }), ...state.values }
    return {
      user,
      email: row?.personal?.email,
      emailVerified: row?.emailVerified ?? false,
      attributes: Object.fromEntries(schema.flatMap(({ key }) => (Object.hasOwn(values, key) ? [[key, values[key]]] : []))),
      missing: schema.filter(({ key, required }) => required && !Object.hasOwn(values, key)).map(({ key }) => key),
      createdAt: row?.createdAt,
      version,
    }
  }

  /** Applies a merge patch; answers the position of the change. */
  async patch(place: ProfilePlace, attributes: ProfileValues, expected: number | undefined, { meta }: CommandEnvelope): Promise<string> {
    const { tenant, user, reader } = place
    await this.read(place)
    const values = checkPatch(attributes, await this.schema(tenant), reader)
    return orThrow(await this.aggregates.profiles.handle({ tenant, id: user, subject: user, meta }, { type: 'change', user, values }, { expected })).position
  }

  async refuseErased(tenant: string, user: string): Promise<void> {
    if (await this.erasures.of(tenant, user)) throw new RefusalError('request.subject.erased')
  }

  private async schema(tenant: string) {
    return (await this.aggregates.schemas.load(tenant, tenant)).state.attributes
  }
}
