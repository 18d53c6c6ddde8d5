/** In one process a token is refused within a second of the end of its session. */
import { EmbeddedSystem } from '../support/embedded-system.js'
import { eventually } from '../support/parallel.js'
import { makeTenant, tokenOfSomebody } from '../support/tenant.js'

test.each(['revoke', 'signOut'] as const)(
  'after %s a token is refused at the gateway within a second',
  async (end) => {
    await using system = await EmbeddedSystem.start()
    const tenant = await makeTenant(system, 'revoked')
    const somebody = await tokenOfSomebody(system, tenant)
    expect(await somebody.status()).toBe(200)
    await somebody[end]()
    await eventually(async () => (await somebody.status()) === 401, 1_000)
  },
  60_000,
)
