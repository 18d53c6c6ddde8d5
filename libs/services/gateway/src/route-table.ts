import type { KnownService, ServiceDirectory } from '@pavan/platform/service/service-directory.js'

/** Path prefix → service. The longest prefix wins; a prefix ends at a slash or at the end of the path. */
export class RouteTable {
  #size = -1
  #prefixes: readonly { readonly prefix: string; readonly service: KnownService }[] = []

  constructor(private readonly directory: ServiceDirectory) {}

  find(path: string): KnownService | undefined {
    const services = this.directory.list()
    if (services.length !== this.#size) this.#build(services)
    for (const { prefix, service } of this.#prefixes) {
      if (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')) return service
    }
    return undefined
  }

  #build(services: readonly KnownService[]): void {
    this.#size = services.length
    this.#prefixes = services.flatMap((service) => service.routes.map((prefix) => ({ prefix, service }))).sort((a, b) => b.prefix.length - a.prefix.length)
  }
}
