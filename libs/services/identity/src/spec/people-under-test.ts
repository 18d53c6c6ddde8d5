/** The whole identity service on the real stack, in memory, over real HTTP: for specs of people and their pages. */
import { Clock, makeId, orThrow, type IdKind } from '@pavan/kernel'
import { clientRegistered, clientSettings, tenantCreated, tenantSettings, tenantSettingsSet } from '@pavan/contracts'
import { sharedAdapters } from '@pavan/platform/testing/shared-adapters.js'
import { sqliteAdapters } from '@pavan/sqlite'
import { ServiceUnderTest, user } from '@pavan/platform/testing/service-under-test.js'
import { until } from '@pavan/platform/testing/until.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { identityService } from '../identity.service.js'
import { mails } from '../mail/mails.js'
import { Users } from '../user/users.js'
import { Browser, type Visit } from './browser.js'

const meta = { actor: { type: 'system', id: 'spec' } } as const
export const callback = 'http://rp.test/callback'
export const password = 'correct horse battery staple 9'

export interface ReadMail {
  readonly template: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly code?: string
  readonly link?: string
}

/** The clock by which rows run out. */
class ShiftedClock extends Clock {
  shift = 0

  now(): number {
    return Date.now() + this.shift
  }
}

export class PeopleUnderTest {
  private constructor(
    readonly service: ServiceUnderTest,
    private readonly clock: ShiftedClock,
  ) {}

  /** `shared`: as where other copies of the service write the same rows. */
  static async start({ shared = false } = {}): Promise<PeopleUnderTest> {
    const clock = new ShiftedClock()
    const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: new Uint8Array(32).fill(1) })
    return new PeopleUnderTest(await ServiceUnderTest.start(identityService, shared ? sharedAdapters(adapters) : adapters), clock)
  }

  /** Does something when whatever runs out within so many seconds has. */
  async after<T>(seconds: number, run: () => Promise<T>): Promise<T> {
    this.clock.shift += seconds * 1000
    return run().finally(() => (this.clock.shift -= seconds * 1000))
  }

  get<T>(token: abstract new (...args: any[]) => T): T {
    return this.service.host.get(token)
  }

  async tenant(slug: string, settings: object = {}): Promise<string> {
    const id = this.id('tenant')
    await this.service.tell('admin', { tenant: id, category: 'tenant', id }, tenantCreated.of({ data: { slug, name: slug } }))
    const data = { settings: tenantSettings.parse(settings) }
    await this.service.tell('admin', { tenant: id, category: 'tenant-settings', id }, tenantSettingsSet.of({ data }))
    return id
  }

  /** An account as the administrator makes it. */
  async person(tenant: string, email: string, more: { readonly emailVerified?: boolean; readonly locale?: string } = {}): Promise<string> {
    const id = this.id('user')
    const passwordHash = orThrow(await this.get(Users).hashNew(tenant, password, []))
    orThrow(await this.get(Users).handle(tenant, id, { type: 'register', method: 'admin', email, emailVerified: true, passwordHash, ...more }, meta))
    return id
  }

  /** Calls the API as a person. */
  as(tenant: string, id: string, session = 'ses_1') {
    return { ...user(tenant, id), session }
  }

  async client(tenant: string): Promise<string> {
    const id = this.id('client')
    const settings = clientSettings.parse({ name: 'Shop', kind: 'spa', grantTypes: ['authorization_code'], redirectUris: [callback], firstParty: true })
    await this.service.tell('admin', { tenant, category: 'client', id }, clientRegistered.of({ data: { application: this.id('application'), settings } }))
    return id
  }

  /** A browser at the sign-in page of a waiting request; `page` is where its form leads. */
  async waiting(slug: string, client: string, headers: Record<string, string> = {}): Promise<{ browser: Browser; page: string }> {
    const browser = new Browser(this.service.baseUrl, headers)
    const query = new URLSearchParams({
      client_id: client,
      response_type: 'code',
      redirect_uri: callback,
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    const { url, body } = await browser.visit(`${this.service.baseUrl}/t/${slug}/auth?${query}`)
    const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(body) ?? []
    return { browser, page: new URL(action, url).href }
  }

  submit(browser: Browser, page: string, form: Record<string, string>): Promise<Visit> {
    return browser.visit(page, { method: 'POST', body: new URLSearchParams(form) })
  }

  /** Mails to an address, oldest first, once there are so many. */
  async mailsTo(to: string, count = 1): Promise<ReadMail[]> {
    let found: ReadMail[] = []
    await until(async () => {
      const { items } = await this.get(Rows).find(mails, { index: 'byCreated', limit: 1000 })
      found = items.flatMap(({ template, sealed }) =>
        sealed?.to === to
          ? [{ template, ...sealed, code: /\b\d{6}\b/.exec(sealed.subject)?.[0], link: /https?:\/\/\S+/.exec(sealed.text)?.[0] } as ReadMail]
          : [],
      )
      return found.length >= count
    }, `${count} mails`)
    return found
  }

  /** The code of the latest mail to an address, once there are so many mails. */
  async codeTo(to: string, count = 1): Promise<string> {
    return (await this.mailsTo(to, count)).at(-1)?.code as string
  }

  /** Events that identity wrote for a tenant, in order. */
  async events(tenant: string, type?: string): Promise<{ type: string; data: Record<string, unknown>; stream: { id: string } }[]> {
    const found = []
    for (let after = 0; ;) {
      const batch = await this.service.core.store.readAll({ p: 0, seq: after }, 500)
      if (batch.length === 0) return found as never
      found.push(...batch.filter((event) => event.stream.tenant === tenant && (type === undefined || event.type === type)))
      after = batch.at(-1)?.position.seq ?? after
    }
  }

  id(kind: IdKind): string {
    return makeId(kind, Date.now(), (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>))
  }

  close(): Promise<void> {
    return this.service.close()
  }
}
