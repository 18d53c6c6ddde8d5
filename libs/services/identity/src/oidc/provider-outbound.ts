/** Calls of the provider to addresses that a tenant chose. An operator can name hosts of their own network that may be called. */
import { Inject, Injectable } from '@nestjs/common'
import { Outbound } from '@pavan/platform/http/outbound.js'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { TenantDirectory } from './tenant-directory.js'

const loopback = ['localhost', '127.0.0.1', '[::1]']

/** Hosts of `PAVAN_PRIVATE_HOSTS`; without it, loopback for a system that is itself reached there, as on a developer's machine. */
const allowedHosts = (named: string | undefined, baseUrl: string): readonly string[] =>
  named === undefined
    ? loopback.includes(new URL(baseUrl).hostname)
      ? loopback
      : []
    : named
        .split(',')
        .map((host) => host.trim().toLowerCase())
        .filter(Boolean)

@Injectable()
export class ProviderOutbound {
  #client: Outbound | undefined

  constructor(
    @Inject(ServiceConfig) private readonly config: ServiceConfig,
    @Inject(TenantDirectory) private readonly tenants: TenantDirectory,
  ) {}

  /** The library brings a dispatcher of its own, which does not guard when it cannot be set up; ours replaces it. */
  async fetch(url: string, { dispatcher: _, ...options }: RequestInit & { dispatcher?: unknown }): Promise<Response> {
    this.#client ??= new Outbound(new Set(allowedHosts(this.config.PAVAN_PRIVATE_HOSTS as string | undefined, this.tenants.baseUrl)))
    return (await this.#client.fetch(url, options as Parameters<Outbound['fetch']>[1])) as unknown as Response
  }
}
