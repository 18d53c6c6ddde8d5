/** The first administrator of a tenant comes by a link that works once. */
import { createHash, randomBytes } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { isRefusal, orThrow, refuse, type EventMeta, type Refusal } from '@pavan/kernel'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { StartError } from '@pavan/platform/service/start-error.js'
import { insert, patch } from '@pavan/platform/views/changes.js'
import { defineTable, Rows } from '@pavan/platform/views/rows.js'
import { firstTenant } from '../client/operator-file.js'
import { TenantDirectory, type Tenant } from '../oidc/tenant-directory.js'
import { normalizeEmail } from '../user/email.js'
import { Users } from '../user/users.js'

/** One row for each tenant that was ever given a link. Its user id is chosen once, so that only one administrator can come of it. */
export interface SetUpRow {
  readonly tenant: string
  readonly user: string
  readonly hash: string
  readonly used: boolean
}

export const setUps = defineTable<SetUpRow>({ name: 'set-ups', version: 1, durability: 'full', indexes: { byUser: ['tenant', 'user'] } })

export interface FirstAdministrator {
  readonly email: string
  readonly name?: string
  readonly password: string
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

@Injectable()
export class SetUp {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Users) private readonly users: Users,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(ServiceConfig) private readonly config: ServiceConfig,
  ) {}

  /** A new link; links made before are dead. Undefined when the tenant has had its first administrator. */
  async link(tenant: string): Promise<string | undefined> {
    const secret = randomBytes(32).toString('base64url')
    const hash = hashOf(secret)
    for (;;) {
      const row = await this.rows.get(setUps, tenant)
      if (row?.used) return undefined
      const change = row
        ? patch(setUps, tenant, { hash }, { hash: row.hash, used: false })
        : insert(setUps, tenant, { tenant, user: this.ids.make('user'), hash, used: false })
      if ((await this.rows.apply([change])).applied) return `${this.tenants.baseUrl}/setup?token=${tenant}.${secret}`
    }
  }

  async tenantOf(token: string): Promise<Tenant | undefined> {
    return (await this.#row(token)) && this.tenants.byId(token.split('.')[0] as string)
  }

  async use(tenant: Tenant, token: string, person: FirstAdministrator, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    const row = await this.#row(token)
    return row ? this.#appoint(tenant, row, person, meta) : refuse('identity.challenge.expired')
  }

  /** `PAVAN_ADMIN_EMAIL` and `PAVAN_ADMIN_PASSWORD` make the administrator of the first tenant when there is none. Answers a link when nobody is named. */
  async atStart(): Promise<string | undefined> {
    const tenant = await this.#firstTenant()
    const link = tenant && (await this.link(tenant.id))
    if (!tenant || link === undefined) return undefined
    const { PAVAN_ADMIN_EMAIL: given, PAVAN_ADMIN_PASSWORD: password } = this.config as { PAVAN_ADMIN_EMAIL?: string; PAVAN_ADMIN_PASSWORD?: string }
    if (given === undefined && password === undefined) return link
    const email = normalizeEmail(given ?? '')
    if (email === undefined || password === undefined)
      throw new StartError('PAVAN_ADMIN_EMAIL and PAVAN_ADMIN_PASSWORD belong together.', 'Set both, the first one to an e-mail address, or neither.')
    const row = (await this.rows.get(setUps, tenant.id)) as SetUpRow
    const done = await this.#appoint(tenant, row, { email, password }, { actor: { type: 'system', id: 'identity' }, reason: 'first start' }).catch(
      (error: Error) => {
        throw new StartError(`PAVAN_ADMIN_PASSWORD is not accepted (${error.message}).`, 'Choose a longer or less usual password.')
      },
    )
    if (isRefusal(done))
      throw new StartError(`The first administrator could not be made (${done.code}).`, 'Correct PAVAN_ADMIN_EMAIL and PAVAN_ADMIN_PASSWORD.')
    return undefined
  }

  async #appoint(tenant: Tenant, row: SetUpRow, { email, name, password }: FirstAdministrator, meta: EventMeta): Promise<{ readonly user: string } | Refusal> {
    const passwordHash = orThrow(await this.users.hashNew(tenant.id, password, [email]))
    const roles = tenant.slug === firstTenant ? ['administrator', 'operator'] : ['administrator']
    const { user } = row
    const command = { type: 'register', method: 'set-up', email, name, passwordHash, emailVerified: true, roles } as const
    const handled = await this.users.once(tenant.id, user, command, { ...meta, commandId: `set-up-${user}` })
    if (isRefusal(handled)) return handled
    await this.rows.apply([patch(setUps, tenant.id, { used: true })])
    return { user }
  }

  async #row(token: string): Promise<SetUpRow | undefined> {
    const [tenant = '', secret = ''] = token.split('.')
    const row = await this.rows.get(setUps, tenant)
    return row && !row.used && row.hash === hashOf(secret) ? row : undefined
  }

  /** The first tenant comes from another service by an event: at first start it may be a moment away. */
  async #firstTenant(): Promise<Tenant | undefined> {
    for (let waited = 0; waited < 200; waited++) {
      const tenant = await this.tenants.bySlug(firstTenant)
      if (tenant) return tenant
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return undefined
  }
}
