import type { KnownService, ServiceDirectory } from '@pavan/platform/service/service-directory.js'

/** Path prefix → service. The longest prefix wins; a prefix ends at a slash or at the end of the path. */
export class RouteTable {
  #services: readonly KnownService[] = []
  #prefixes: readonly { readonly prefix: string; readonly service: KnownService }[] = []

  constructor(private readonly directory: ServiceDirectory) {}

  find(path: string): KnownService | undefined {
    const services = this.directory.list()
    if (services !== this.#services) this.#build(services)
    for (const { prefix, service } of this.#prefixes) {
      if (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')) return service
    }
    return undefined
  }

  /** Whether all services have said which routes are theirs: before that nobody can say that a path is nobody's. */
  get complete(): boolean {
    return this.directory.list().every(({ known }) => known)
  }

  #build(services: readonly KnownService[]): void {
    this.#services = services
    this.#prefixes = services.flatMap((service) => service.routes.map((prefix) => ({ prefix, service }))).sort((a, b) => b.prefix.length - a.prefix.length)
  }
}
