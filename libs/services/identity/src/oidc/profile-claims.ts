import { Inject, Injectable } from '@nestjs/common'
import { keyOf } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { profileClaims } from './profile-claims.view.js'

/** Profile attributes of a person, as far as identity has heard of them. */
@Injectable()
export class ProfileClaims {
  constructor(@Inject(Rows) private readonly rows: Rows) {}

  async of(tenant: string, user: string): Promise<Readonly<Record<string, unknown>>> {
    return (await this.rows.get(profileClaims, keyOf(tenant, user)))?.personal?.values ?? {}
  }
}
