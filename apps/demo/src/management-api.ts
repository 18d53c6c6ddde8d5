/** Calls of Pavan's management API as a machine client. */
export interface MachineCredentials {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

/** A refusal of the API, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(`${status} ${code}: ${detail}`)
  }
}

export class ManagementApi {
  #token: { value: string; until: number } | undefined
  /** Position of the last command, so that the next read sees it. */
  #position: string | undefined

  constructor(
    readonly base: string,
    readonly credentials: MachineCredentials,
  ) {}

  get<T>(path: string): Promise<T> {
    return this.#call<T>('GET', path)
  }

  /** `key` makes the command apply once, however often the demo runs (Idempotency-Key). */
  post<T>(path: string, body: unknown, key?: string): Promise<T> {
    return this.#call<T>('POST', path, body, key === undefined ? {} : { 'idempotency-key': key })
  }

  put<T>(path: string, body: unknown, etag?: string): Promise<T> {
    return this.#call<T>('PUT', path, body, etag === undefined ? {} : { 'if-match': etag })
  }

  async #call<T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(`${this.base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${await this.#accessToken()}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#position && method === 'GET' ? { 'pavan-wait-for': this.#position } : {}),
          ...more,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      this.#position = response.headers.get('pavan-position') ?? this.#position
      const text = await response.text()
      if (response.ok) return (text ? JSON.parse(text) : undefined) as T
      const wait = Number(response.headers.get('retry-after') ?? 1)
      if ((response.status === 429 || response.status === 503) && attempt < 10) {
        await new Promise((resolve) => setTimeout(resolve, wait * 1000))
        continue
      }
      const problem = parse(text)
      throw new ApiError(response.status, problem.code ?? 'unknown', problem.errors?.[0]?.detail ?? problem.detail ?? text.slice(0, 200))
    }
  }

  /** Client credentials (RFC 6749 section 4.4); a new token half a minute before the old one ends. */
  async #accessToken(): Promise<string> {
    if (this.#token && this.#token.until > Date.now() + 30_000) return this.#token.value
    const { clientId, clientSecret, issuer } = this.credentials
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    })
    if (!response.ok) throw new ApiError(response.status, 'token', `no access token for ${clientId}: ${await response.text()}`)
    const { access_token: value, expires_in: seconds } = (await response.json()) as { access_token: string; expires_in: number }
    this.#token = { value, until: Date.now() + seconds * 1000 }
    return value
  }
}

const parse = (text: string): { code?: string; detail?: string; errors?: { detail: string }[] } => {
  try {
    return JSON.parse(text) as object
  } catch {
    return {}
  }
}
