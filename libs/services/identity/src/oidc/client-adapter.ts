import type { AdapterPayload } from 'oidc-provider'
import type { ClientDirectory } from '../client/client-directory.js'
import { BaseAdapter, type AdapterParts } from './artifact-adapters.js'

/** Ids of ours have this shape; anything else need not be looked for. */
export const isClientId = (id: unknown): id is string => typeof id === 'string' && /^[\w.-]{1,64}$/.test(id)

/** Clients are registered by admin; the provider only reads them. */
export class ClientAdapter extends BaseAdapter {
  constructor(
    parts: AdapterParts,
    private readonly clients: ClientDirectory,
  ) {
    super(parts)
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return isClientId(id) ? ((await this.clients.metadata(this.parts.tenant, id)) as AdapterPayload | undefined) : undefined
  }

  async upsert(): Promise<undefined> {
    throw new Error('clients are registered by admin')
  }

  async destroy(): Promise<undefined> {
    throw new Error('clients are registered by admin')
  }
}
