/** In one process a token is refused within a second of the end of its session. */
import * as oidc from 'openid-client'
import { call, expectStatus } from '../support/http.js'
import { EmbeddedSystem } from '../support/embedded-system.js'
import { eventually } from '../support/parallel.js'
import { exchange, makeTenant, signUp } from '../support/tenant.js'

test('a revoked session is refused at the gateway within a second', async () => {
  await using system = await EmbeddedSystem.start()
  const tenant = await makeTenant(system, 'revoked')
  const person = await signUp(system, tenant, { email: 'ada@example.org', password: 'correct horse battery staple 9' })
  const { refresh_token: refresh } = await exchange(tenant, person.browser.url, person.verifier)
  const { access_token: token } = await oidc.refreshTokenGrant(tenant.config, refresh as string, { resource: `${system.base}/api` })
  const me = async () => (await call(`${system.base}/api/v1/identity/me`, { token })).status
  expect(await me()).toBe(200)
  expectStatus(await call(`${system.base}/api/v1/identity/sessions`, { method: 'DELETE', token }), 200)
  await eventually(async () => (await me()) === 401, 1_000)
}, 60_000)
