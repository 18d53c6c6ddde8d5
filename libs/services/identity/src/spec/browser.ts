/** A browser without pages: follows redirects within the provider and keeps its cookies by path, as RFC 6265 says. */
interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

export interface Visit {
  readonly status: number
  readonly url: URL
  readonly headers: Headers
  readonly body: string
  /** `x-spec-step` of every page on the way. */
  readonly steps: readonly string[]
}

export class Browser {
  cookies: Cookie[] = []
  /** A path where a visit ends without going on. */
  pauseAt: RegExp | undefined

  constructor(
    private readonly origin: string,
    readonly headers: Record<string, string> = {},
  ) {}

  /** Another one with the same cookies. */
  copy(): Browser {
    const other = new Browser(this.origin, this.headers)
    other.cookies = [...this.cookies]
    return other
  }

  /** Goes where the redirects lead; stops at the first address outside the provider, without visiting it. */
  async visit(url: string | URL, init: RequestInit = {}): Promise<Visit> {
    const steps: string[] = []
    let at = new URL(url)
    let next = init
    for (let hops = 0; hops < 20; hops++) {
      const response = await fetch(at, { ...next, redirect: 'manual', headers: { ...this.headers, ...(next.headers as object), cookie: this.#cookiesFor(at) } })
      for (const line of response.headers.getSetCookie()) this.#keep(line, at)
      const step = response.headers.get('x-spec-step')
      if (step) steps.push(step)
      const location = response.headers.get('location')
      const body = await response.text()
      if (response.status < 300 || response.status >= 400 || !location) return { status: response.status, url: at, headers: response.headers, body, steps }
      at = new URL(location, at)
      next = {}
      if (at.origin !== this.origin || this.pauseAt?.test(at.pathname)) return { status: response.status, url: at, headers: response.headers, body, steps }
    }
    throw new Error('too many redirects')
  }

  #keep(line: string, at: URL): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const cut = pair.indexOf('=')
    const attribute = (name: string) => attributes.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1)
    const path = attribute('path') ?? at.pathname
    const name = pair.slice(0, cut)
    this.cookies = this.cookies.filter((cookie) => cookie.name !== name || cookie.path !== path)
    const expires = attribute('expires')
    if (!expires || Date.parse(expires) > Date.now()) this.cookies.push({ name, value: pair.slice(cut + 1), path })
  }

  #cookiesFor({ pathname }: URL): string {
    return this.cookies
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }
}
