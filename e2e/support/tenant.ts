/** A tenant made by the management API, and a person who comes to it through the hosted pages. */
import { randomBytes } from 'node:crypto'
import * as oidc from 'openid-client'
import { Browser, call, expectStatus } from './http.js'
import { eventually } from './parallel.js'
import type { System } from './system.js'
import { machineToken, operatorToken } from './tokens.js'

export const callback = 'http://127.0.0.1:9/callback'

/** Access tokens live for ten minutes; one is used for half of that. */
const tokenMs = 300_000

export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly issuer: string
  /** Calls the management API as the tenant's administrator. */
  readonly api: <T = any>(
    method: string,
    path: string,
    json?: unknown,
    headers?: Record<string, string>,
  ) => Promise<{ json: T; position: string; status: number }>
  /** An access token of the tenant's administrator that is valid for some minutes more. */
  readonly token: () => Promise<string>
  readonly application: string
  readonly client: string
  readonly config: oidc.Configuration
}

/** The management API by an access token of one who may use it. */
export const managementApi =
  (system: System, token: () => Promise<string>): Tenant['api'] =>
  async (method, path, json, headers) => {
    const answer = await call(`${system.base}${path}`, { method, token: await token(), json, headers })
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return { json: answer.text ? answer.json : undefined, position: answer.headers.get('pavan-position') ?? '', status: answer.status }
  }

export const makeTenant = async (system: System, name: string): Promise<Tenant> => {
  // Specs may share a system, and may come to it again.
  const slug = `${name}-${randomBytes(3).toString('hex')}`
  const operator = await operatorToken(system)
  const { id } = expectStatus(await call(`${system.base}/api/v1/admin/tenants`, { token: operator, json: { slug, name } }), 201).json
  const issuer = `${system.base}/t/${slug}`
  const secrets = `${system.base}/api/v1/identity/tenants/${id}/clients/management/secrets`
  const { secret } = await eventually(async () => {
    const answer = await call(secrets, { token: operator, json: {} })
    return answer.status === 201 ? (answer.json as { secret: string }) : undefined
  })
  const fetchToken = () => machineToken({ issuer, clientId: 'management', clientSecret: secret })
  let kept = { token: await eventually(() => fetchToken().catch(() => undefined)), until: Date.now() + tokenMs }
  const token = async (): Promise<string> => {
    if (kept.until < Date.now()) kept = { token: await eventually(() => fetchToken().catch(() => undefined), 60_000), until: Date.now() + tokenMs }
    return kept.token
  }
  const api = managementApi(system, token)
  // The role of the management client comes by an event.
  await eventually(async () => (await call(`${system.base}/api/v1/admin/tenant`, { token: await token() })).status === 200)
  const application = (await api('POST', '/api/v1/admin/applications', { name: 'Shop' })).json.id
  const settings = {
    name: 'Shop',
    kind: 'spa',
    grantTypes: ['authorization_code', 'refresh_token'],
    redirectUris: [callback],
    postLogoutRedirectUris: [`${callback}/bye`],
  }
  const client = (await api('POST', '/api/v1/admin/clients', { application, settings })).json.id
  await clientKnown(issuer, client)
  const config = await oidc.discovery(new URL(issuer), client, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] })
  return { id, slug, issuer, api, token, application, client, config }
}

/** A new client comes to its issuer by an event. */
export const clientKnown = (issuer: string, client: string): Promise<unknown> =>
  eventually(async () => (await call(`${issuer}/auth?client_id=${client}`)).text.includes('response_type') || undefined)

/** The newest mail to an address, once there is one; with a tenant only of that one, for the mailbox is everybody's. */
export const mailTo = async (
  system: System,
  to: string,
  template?: string,
  tenant?: Pick<Tenant, 'id'>,
): Promise<{ readonly code: string; readonly link: string; readonly subject: string }> =>
  eventually(async () => {
    const { items } = (await call(`${system.base}/mailbox.json?to=${encodeURIComponent(to)}`)).json
    return items?.find(
      (mail: { template: string; tenant: string }) =>
        (template === undefined || mail.template === template) && (tenant === undefined || mail.tenant === tenant.id),
    )
  })

export interface Person {
  readonly email: string
  readonly password: string
}

export const authorizationUrl = async (system: System, tenant: Tenant, more: Record<string, string> = {}) => {
  const verifier = oidc.randomPKCECodeVerifier()
  const url = oidc.buildAuthorizationUrl(tenant.config, {
    redirect_uri: callback,
    scope: 'openid profile email offline_access',
    resource: `${system.base}/api`,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  })
  return { url: url.href, verifier }
}

export const exchange = (tenant: Tenant, at: string, verifier: string) =>
  oidc.authorizationCodeGrant(tenant.config, new URL(at), { pkceCodeVerifier: verifier })

/** An access token of a new person for the system's own API, whether it is accepted there, and two ways to end its session. */
export const tokenOfSomebody = async (system: System, tenant: Tenant) => {
  const person = await signUp(system, tenant, { email: 'ada@example.org', password: 'correct horse battery staple 9' })
  const { refresh_token: refresh, id_token } = await exchange(tenant, person.browser.url, person.verifier)
  const { access_token: token } = await oidc.refreshTokenGrant(tenant.config, refresh as string, { resource: `${system.base}/api` })
  const status = async () => (await call(`${system.base}/api/v1/identity/me`, { token })).status
  const revoke = async () => expectStatus(await call(`${system.base}/api/v1/identity/sessions`, { method: 'DELETE', token }), 200)
  const signOut = async () => {
    await person.browser.open(oidc.buildEndSessionUrl(tenant.config, { id_token_hint: id_token as string }).href)
    await person.browser.submit({ logout: 'yes' }, { having: 'xsrf' })
  }
  return { status, revoke, signOut }
}

/** Through sign-up, code from the mailbox and consent to the application's callback. */
export const signUp = async (system: System, tenant: Tenant, { email, password }: Person): Promise<{ browser: Browser; verifier: string }> => {
  const browser = new Browser(callback)
  const { url, verifier } = await authorizationUrl(system, tenant)
  await browser.open(url)
  await browser.follow('step=sign-up')
  await browser.submit({ email, password, name: 'Ada Person' })
  await browser.submit({ code: (await mailTo(system, email, 'verify-email', tenant)).code })
  return { browser: await consent(browser), verifier }
}

export const signIn = async (system: System, tenant: Tenant, { email, password }: Person): Promise<{ browser: Browser; verifier: string }> => {
  const browser = new Browser(callback)
  const { url, verifier } = await authorizationUrl(system, tenant)
  await browser.open(url)
  await browser.submit({ email, password })
  return { browser: await consent(browser), verifier }
}

const consent = async (browser: Browser): Promise<Browser> => {
  if (browser.page.includes('value="consent"')) await browser.submit({}, { having: 'consent' })
  return browser
}
