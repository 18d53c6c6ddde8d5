/** In one process a token is refused within a second of the end of its session. */
import { EmbeddedSystem } from '../support/embedded-system.js'
import { eventually } from '../support/parallel.js'
import { makeTenant, tokenOfSomebody } from '../support/tenant.js'

test('a revoked session is refused at the gateway within a second', async () => {
  await using system = await EmbeddedSystem.start()
  const tenant = await makeTenant(system, 'revoked')
  const { status, revoke } = await tokenOfSomebody(system, tenant)
  expect(await status()).toBe(200)
  await revoke()
  await eventually(async () => (await status()) === 401, 1_000)
}, 60_000)
