/** The file by which the machine's operator gets into a system that has just been installed. */
import { rename, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { Inject, Injectable } from '@nestjs/common'
import { isRefusal, orThrow, type EventMeta } from '@pavan/kernel'
import { Ids } from '@pavan/platform/service/ids.js'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { TenantDirectory } from '../oidc/tenant-directory.js'
import { ClientSecrets } from './client-secrets.js'
import { clients } from './clients.view.js'

/** Slug of the first tenant. */
export const firstTenant = 'main'

const meta: EventMeta = { actor: { type: 'system', id: 'identity' }, reason: 'operator-file' }

@Injectable()
export class OperatorFile {
  constructor(
    @Inject(ClientSecrets) private readonly secrets: ClientSecrets,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(ServiceConfig) private readonly config: ServiceConfig,
  ) {}

  /** Writes the file when it is wanted and missing. Only its hash is kept elsewhere, so a lost file means a new secret. */
  ensure(): Promise<void> {
    // One at a time: two would make two secrets.
    this.#last = this.#last.catch(() => undefined).then(() => this.#write())
    return this.#last
  }

  /** Whether whoever starts the system finds the file, or wants none. */
  get there(): boolean {
    const path = this.config.PAVAN_OPERATOR_FILE as string | undefined
    return !path || existsSync(path)
  }

  #last: Promise<void> = Promise.resolve()

  async #write(): Promise<void> {
    const path = this.config.PAVAN_OPERATOR_FILE as string | undefined
    if (!path || existsSync(path)) return
    const tenant = await this.tenants.bySlug(firstTenant)
    if (!tenant) return
    const client = (await this.rows.find(clients, { index: 'byTenant', where: { tenant: tenant.id }, limit: 1000 })).items.find(({ operator }) => operator)
    if (!client) return
    const target = { tenant: tenant.id, client: client.id, meta }
    let created = await this.secrets.create({ ...target, secretId: this.ids.make('secret') })
    if (isRefusal(created) && created.code === 'identity.client-secret.limit') {
      const [oldest] = await this.secrets.list(tenant.id, client.id)
      if (oldest) orThrow(await this.secrets.revoke({ ...target, secretId: oldest.id }))
      created = await this.secrets.create({ ...target, secretId: this.ids.make('secret') })
    }
    const content = { issuer: this.tenants.issuerOf(tenant), clientId: client.id, clientSecret: orThrow(created).secret }
    const temporary = `${path}.${process.pid}`
    await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true })
    await rename(temporary, path)
  }
}
