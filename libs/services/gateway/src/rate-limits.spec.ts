import { GatewayUnderTest, type GatewayAnswer, type Key } from './spec/gateway-under-test.js'

const limited = ({ status, body, headers }: GatewayAnswer): boolean => {
  if (status !== 429) return false
  expect(body).toMatchObject({ code: 'request.rate.limited', status: 429, instance: headers.get('x-request-id') })
  expect(headers.get('content-type')).toContain('application/problem+json')
  const wait = headers.get('retry-after') ?? ''
  expect(wait).toMatch(/^\d+$/) // delay-seconds (RFC 9110 section 10.2.3)
  expect(Number(wait)).toBeGreaterThanOrEqual(1)
  expect(Number(wait)).toBeLessThanOrEqual(60)
  return true
}

/** How many of a number of requests got through. */
const through = async (times: number, ask: () => Promise<GatewayAnswer>): Promise<number> => {
  let passed = 0
  for (let i = 0; i < times; i++) if (!limited(await ask())) passed++
  return passed
}

describe('the limit of an address', () => {
  let gateway: GatewayUnderTest
  beforeAll(async () => (gateway = await GatewayUnderTest.start({ PAVAN_RATE_ADDRESS: '5' }, { trustProxy: 1 })))
  afterAll(() => gateway.close())
  const from = (address: string, path = '/api/v1/echo/open') => gateway.ask(path, { headers: { 'x-forwarded-for': address } })

  it('refuses the sixth request of a minute, on every path, and lets others through', async () => {
    expect(await through(4, () => from('203.0.113.1'))).toBe(4)
    expect(await through(3, () => from('203.0.113.1', '/t/main/page'))).toBe(1)
    expect(limited(await from('203.0.113.1', '/nothing'))).toBe(true)
    expect((await from('203.0.113.2')).status).toBe(200)
  })

  it('counts 20 at once exactly', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => from('203.0.113.20')))
    expect(answers.filter(limited)).toHaveLength(15)
  })

  it('is not escaped by what a caller writes into the header itself', async () => {
    let n = 0
    expect(await through(8, () => from(`198.51.100.${n++}, 203.0.113.3`))).toBe(5)
  })

  it('takes a whole /64 of IPv6 as one, and no more', async () => {
    let n = 0
    expect(await through(8, () => from(`2001:db8:1:2::${(n++).toString(16)}`))).toBe(5)
    expect((await from('2001:db8:1:3::1')).status).toBe(200)
    n = 0
    expect(await through(8, () => from(n++ % 2 ? '2001:db8::7' : '2001:0db8:0:0:0:0:0:7'))).toBe(5)
    n = 0
    expect(await through(8, () => from(n++ % 2 ? '203.0.113.77' : '::ffff:203.0.113.77'))).toBe(5)
  })

  it("does not count the machine's own addresses", async () => {
    expect(await through(8, () => from('127.0.0.1'))).toBe(8)
    expect(await through(8, () => from('::1'))).toBe(8)
  })
})

describe('the limits of tenants and clients', () => {
  let gateway: GatewayUnderTest
  let a: Key
  let b: Key
  beforeAll(async () => {
    gateway = await GatewayUnderTest.start({ PAVAN_RATE_TENANT: '40', PAVAN_RATE_CLIENT: '6' })
    a = await gateway.tenant('ten_a')
    b = await gateway.tenant('ten_b')
  })
  afterAll(() => gateway.close())
  const asking = async (tenant: string, key: Key, client: string) => {
    const token = await gateway.token(tenant, key, { client_id: client, sub: client, sid: undefined })
    return () => gateway.ask('/api/v1/echo', { token })
  }

  it('refuse the client that asks too often, and neither its neighbours nor its namesake in another tenant', async () => {
    expect(await through(9, await asking('ten_a', a, 'cli_1'))).toBe(6)
    expect(await through(1, await asking('ten_a', a, 'cli_2'))).toBe(1)
    expect(await through(1, await asking('ten_b', b, 'cli_1'))).toBe(1)
  })

  it('refuse a tenant whose clients together ask too often, and no other', async () => {
    let passed = 0
    for (let client = 0; client < 12; client++) passed += await through(6, await asking('ten_b', b, `cli_many_${client}`))
    expect(passed).toBeGreaterThan(30)
    expect(passed).toBeLessThan(40)
    expect(limited(await (await asking('ten_b', b, 'cli_fresh'))())).toBe(true)
    expect((await (await asking('ten_a', a, 'cli_3'))()).status).toBe(200)
  })

  it('count what comes to the pages of a tenant', async () => {
    expect(await through(45, () => gateway.ask('/t/ten-pages/page'))).toBe(40)
    expect((await gateway.ask('/t/ten-other/page')).status).toBe(200)
  })

  it('are not used up by tokens that do not verify', async () => {
    for (let i = 0; i < 10; i++) expect((await gateway.ask('/api/v1/echo', { token: 'abc' })).status).toBe(401)
    expect((await (await asking('ten_a', a, 'cli_4'))()).status).toBe(200)
  })
})

it('can be turned off for measurements', async () => {
  const gateway = await GatewayUnderTest.start({ PAVAN_RATE_LIMITS: 'off', PAVAN_RATE_ADDRESS: '1' }, { trustProxy: 1 })
  try {
    expect(await through(5, () => gateway.ask('/api/v1/echo/open', { headers: { 'x-forwarded-for': '203.0.113.1' } }))).toBe(5)
  } finally {
    await gateway.close()
  }
})
