/** What the provider must know of a person. The user slice implements it from the user's stream: exact, never from a lagging view. */

export interface Account {
  readonly user: string
  /** `active`: may hold sessions and get tokens. Blocked and erased people may not. */
  readonly status: 'active' | 'blocked' | 'erased'
  readonly email: string | undefined
  readonly emailVerified: boolean
  readonly name: string | undefined
  /** BCP 47. */
  readonly locale: string | undefined
  /** Milliseconds since 1970 of the last change, for `updated_at`. */
  readonly updatedAt: number | undefined
}

export interface SeenAccount {
  readonly status: Account['status']
  account(): Promise<Account | undefined>
}

export abstract class AccountSource {
  /** Undefined when there is no such person in this tenant. */
  abstract find(tenant: string, user: string): Promise<Account | undefined>
  /** The same for whoever needs nothing personal. */
  abstract status(tenant: string, user: string): Promise<Account['status'] | undefined>

  /** The status now, and the rest for whoever turns out to need it. */
  async seen(tenant: string, user: string): Promise<SeenAccount | undefined> {
    const status = await this.status(tenant, user)
    return status && { status, account: () => this.find(tenant, user) }
  }
}
