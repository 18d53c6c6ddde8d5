/** Which methods a path has, for 405 with its Allow header (RFC 9110 section 15.5.6). Asked only after nothing was found. */
import type { FastifyInstance } from 'fastify'

interface Known {
  readonly shape: RegExp
  readonly methods: Set<string>
}

export class RouteIndex {
  readonly #routes = new Map<string, Known>()

  /** Has to be called before routes are added. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      const known = this.#routes.get(route.url) ?? { shape: shapeOf(route.url), methods: new Set() }
      for (const method of [route.method].flat()) known.methods.add(method)
      this.#routes.set(route.url, known)
    })
  }

  /** Methods of the path of a URL; empty when there is no such path. */
  methods(url: string): readonly string[] {
    const path = url.split('?', 1)[0] as string
    const found = new Set<string>()
    for (const { shape, methods } of this.#routes.values()) {
      if (shape.test(path)) for (const method of methods) found.add(method)
    }
    return [...found].sort()
  }

  /** Every route, as Fastify writes it. */
  list(): readonly { url: string; methods: readonly string[] }[] {
    return [...this.#routes].map(([url, { methods }]) => ({ url, methods: [...methods] }))
  }
}

const shapeOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split('/')
      .map((part) => (part === '*' ? '.*' : part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\*]/g, '\\$&')))
      .join('/')}$`,
  )
