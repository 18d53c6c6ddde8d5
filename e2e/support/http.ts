/** Plain HTTP calls that keep what a test wants to look at. */
export interface Answer<T = any> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body; throws when it is not JSON. */
  readonly json: T
}

export interface CallOptions {
  readonly method?: string
  readonly token?: string
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

export const call = async <T = any>(url: string, options: CallOptions = {}): Promise<Answer<T>> => {
  const headers = new Headers(options.headers)
  if (options.token !== undefined) headers.set('authorization', `Bearer ${options.token}`)
  if (options.json !== undefined) headers.set('content-type', headers.get('content-type') ?? 'application/json')
  const body = options.json !== undefined ? JSON.stringify(options.json) : options.form !== undefined ? new URLSearchParams(options.form) : undefined
  const response = await fetch(url, { method: options.method ?? (body === undefined ? 'GET' : 'POST'), headers, body, redirect: 'manual' })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text) as T
    },
  }
}

/** The answer, or an error that shows what came instead. */
export const expectStatus = <T>(answer: Answer<T>, ...statuses: number[]): Answer<T> => {
  if (!statuses.includes(answer.status)) throw new Error(`expected ${statuses.join(' or ')}, got ${answer.status}: ${answer.text.slice(0, 1000)}`)
  return answer
}

/** A browser without a screen: follows redirects, keeps cookies, fills in forms. Enough for pages that work without JavaScript. */
export class Browser {
  #cookies = new Map<string, { value: string; path: string }>()
  url = ''
  status = 0
  page = ''

  constructor(
    /** Stop at a redirect to a URL that starts with this, as an application's callback would be called. */
    readonly stopAt: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  get cookies(): readonly { readonly name: string; readonly value: string }[] {
    return [...this.#cookies].map(([name, { value }]) => ({ name, value }))
  }

  /** Another browser with the same cookies. */
  copy(): Browser {
    const other = new Browser(this.stopAt, this.headers)
    other.#cookies = new Map(this.#cookies)
    return other
  }

  async open(url: string, init: { method?: string; body?: URLSearchParams } = {}): Promise<this> {
    let target = url
    let { method = 'GET', body } = init
    for (let hop = 0; hop < 20; hop++) {
      const { pathname } = new URL(target)
      const cookie = [...this.#cookies]
        .filter(([, c]) => pathname.startsWith(c.path))
        .map(([name, c]) => `${name}=${c.value}`)
        .join('; ')
      const response = await fetch(target, {
        method,
        body,
        redirect: 'manual',
        headers: { ...this.headers, accept: 'text/html', ...(cookie ? { cookie } : {}), ...(method === 'POST' ? { origin: new URL(target).origin } : {}) },
      })
      for (const line of response.headers.getSetCookie()) this.#keep(line)
      this.status = response.status
      this.page = await response.text()
      this.url = target
      const location = response.headers.get('location')
      if (!location || response.status < 300 || response.status >= 400) return this
      target = new URL(location, target).href
      if (target.startsWith(this.stopAt)) {
        this.url = target
        return this
      }
      if (response.status !== 307 && response.status !== 308) {
        method = 'GET'
        body = undefined
      }
    }
    throw new Error(`too many redirects, last ${target.split('?')[0]}`)
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/'
    const expires = attributes.find((one) => /^expires=/i.test(one))?.slice(8)
    if (expires && Date.parse(expires) < Date.now()) this.#cookies.delete(name)
    else this.#cookies.set(name, { value: pair.slice(at + 1), path })
  }

  /** Opens the link of the page whose address has this in it. */
  async follow(part: string): Promise<this> {
    const links = [...this.page.matchAll(/<a\b[^>]*>/gi)].map(([tag]) => decode(attribute(tag, 'href') ?? ''))
    const link = links.find((href) => href.includes(part))
    if (link === undefined) throw new Error(`no link with ${part} at ${this.url.split('?')[0]} (${this.status})`)
    return this.open(new URL(link, this.url).href)
  }

  /** Sends the form that holds a field or button of this name, with its hidden fields and what is given. */
  async submit(fields: Readonly<Record<string, string>>, options: { readonly having?: string } = {}): Promise<this> {
    const forms = [...this.page.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map((match) => ({ tag: match[1] ?? '', inner: match[2] ?? '' }))
    const wanted = options.having ?? Object.keys(fields)[0] ?? ''
    const form = forms.find(({ tag, inner }) => !wanted || new RegExp(`(?:name|value)="${wanted}"`).test(inner) || tag.includes(wanted))
    if (!form)
      throw new Error(
        `no form with ${wanted} at ${this.url.split('?')[0]} (${this.status}): ${this.page.replace(/<style[\s\S]*?<\/style>/g, '').slice(0, 1500)}`,
      )
    const body = new URLSearchParams()
    for (const [input] of form.inner.matchAll(/<input\b[^>]*>/gi)) {
      const name = attribute(input, 'name')
      const type = attribute(input, 'type')
      if (name && (type === 'hidden' || ((type === 'checkbox' || type === 'radio') && /\schecked/.test(input))))
        body.set(name, decode(attribute(input, 'value') ?? 'on'))
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    const action = new URL(decode(attribute(`<form ${form.tag}>`, 'action') ?? '') || this.url, this.url).href
    return this.open(action, { method: 'POST', body })
  }
}

const attribute = (tag: string, name: string): string | undefined => new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1]
const decode = (text: string): string =>
  text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#x3D;', '=')
