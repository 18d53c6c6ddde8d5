import { availableParallelism } from 'node:os'
import { tenantCreated } from '@pavan/contracts'
import { RefusalError, SystemClock } from '@pavan/kernel'
import { ServiceUnderTest } from '@pavan/platform/testing/service-under-test.js'
import { sqliteAdapters } from '@pavan/sqlite'
import { identityService } from '../identity.service.js'
import { Passwords } from './passwords.js'

const right = 'correct horse battery staple'
/** Passwords that are being hashed, and those that wait for their turn. */
const places = availableParallelism() + 64

describe('passwords', () => {
  it('are hashed with Argon2id, 19 MiB, two passes and one lane, and only the right one is accepted', async () => {
    const passwords = new Passwords()
    const hash = await passwords.hash(right)
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect([await passwords.check(right, hash), await passwords.check('another', hash), await passwords.check(right, undefined)]).toEqual([true, false, false])
  })

  it('leave the event loop free', async () => {
    const passwords = new Passwords()
    let turns = 0
    const count = (): void => void (turns++, (timer = setImmediate(count)))
    let timer = setImmediate(count)
    await Promise.all(Array.from({ length: 10 }, () => passwords.hash(right)))
    clearImmediate(timer)
    // Hashing on the loop would give it no turn between the first and the last of them.
    expect(turns).toBeGreaterThan(10)
  })

  it('wait in a short line; whoever comes when it is full is refused at once, and the others are served', async () => {
    const passwords = new Passwords()
    const outcomes = await Promise.allSettled(Array.from({ length: places + 3 }, () => passwords.hash(right)))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as RefusalError)
    expect(refused.map(({ code, params }) => [code, params])).toEqual(Array.from({ length: 3 }, () => ['service.overloaded', { retryAfter: 2 }]))
    await expect(passwords.hash(right)).resolves.toContain('$argon2id$')
  })
})

describe('sign-in while too many passwords are being checked', () => {
  let service: ServiceUnderTest
  beforeAll(async () => {
    service = await ServiceUnderTest.start(identityService, sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) }))
    await service.tell('admin', { tenant: 'ten_a', category: 'tenant', id: 'ten_a' }, tenantCreated.of({ data: { slug: 'busy', name: 'Busy' } }))
  })
  afterAll(() => service.close())

  const signIn = () =>
    fetch(`${service.baseUrl}/t/busy/account`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ action: 'sign-in', email: 'ada@example.org', password: right }),
    })

  it('answers 503 with Retry-After and a page that says so, and takes the next one when there is room', async () => {
    const passwords = service.host.get(Passwords)
    let full = true
    // Each takes a place again in the turn in which it gave it up, so the line is full whenever a request looks.
    const taken = Array.from({ length: places }, async () => {
      do await passwords.hash(right)
      while (full)
    })
    const refused = await signIn().finally(() => (full = false))
    await Promise.all(taken)
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('content-type')]).toEqual([503, '2', 'text/html; charset=utf-8'])
    expect(await refused.text()).toContain('<form')
    expect((await signIn()).status).toBe(400)
  })
})
