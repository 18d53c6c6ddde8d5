/** The promise of tracing: with a collector configured, one trace shows a sign-up from the first request to the mail, and holds nothing personal. */
import { TraceCollector, type CollectedSpan } from '@pavan/platform/testing/trace-collector.js'
import { Browser } from './support/http.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { authorizationUrl, callback, mailTo, makeTenant, type Tenant } from './support/tenant.js'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const person = { email: 'grace.traced@example.org', password: 'correct horse battery staple 9', name: 'Grace Traced' }
const device = 'Graces own browser'

let collector: TraceCollector
let system: System
let tenant: Tenant
beforeAll(async () => {
  collector = await TraceCollector.start()
  system = await System.start({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '50' } })
  tenant = await makeTenant(system, 'traced')
}, 180_000)
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
  await collector?.[Symbol.asyncDispose]()
})

const names = (spans: readonly CollectedSpan[]) => spans.map(({ name }) => name)
const find = (name: string, attributes: Record<string, unknown> = {}): CollectedSpan | undefined =>
  collector.of(traceId).find((span) => span.name === name && Object.entries(attributes).every(([key, value]) => String(span.attributes[key]) === value))

test('one trace leads from the sign-up over append and bus to the views and to the mail', async () => {
  const browser = new Browser(callback, { traceparent: `00-${traceId}-b7ad6b7169203331-01`, 'user-agent': device })
  const { url } = await authorizationUrl(system, tenant)
  await browser.open(url)
  await browser.follow('step=sign-up')
  await browser.submit(person)
  const { code } = await mailTo(system, person.email, 'verify-email')
  await browser.submit({ code })
  if (browser.page.includes('value="consent"')) await browser.submit({}, { having: 'consent' })
  expect(browser.url).toContain('code=')

  const registered = await eventually(async () => find('append user', { 'pavan.event.types': 'user.registered' }))
  const mail = await eventually(async () => find('send mail', { 'pavan.mail.template': 'verify-email' }))
  const view = await eventually(async () => find('apply identity', { 'pavan.view': 'users', 'pavan.event.types': 'user.registered' }))
  const published = await eventually(async () => find('publish identity', { 'pavan.event.types': 'user.registered' }))
  const hash = await eventually(async () => find('argon2 hash'))
  const sent = await eventually(async () => find('append mail', { 'pavan.event.types': 'mail.sent' }))

  for (const span of [registered, mail, hash]) {
    const [door, service] = await eventually(async () => {
      const line = collector.line(span)
      return line.at(-1)?.parentSpanId === 'b7ad6b7169203331' && line.toReversed()
    })
    expect([door, service].map((one) => [one?.kind, one?.attributes['pavan.service']])).toEqual([
      [2, 'gateway'],
      [2, 'identity'],
    ])
    // A gateway in a process of its own hands the request on and does not know its pattern.
    expect(service?.name).toMatch(/^POST \/t\/:slug\//)
    expect(door?.name).toMatch(/^POST( \/t\/:slug\/.*)?$/)
  }
  expect([view, published].map(({ parentSpanId }) => parentSpanId)).toEqual([registered.spanId, registered.spanId])
  expect(names(collector.line(sent)).slice(0, 2)).toEqual(['append mail', 'send mail'])
  expect(collector.resources[0]).toMatchObject({ 'service.name': 'pavan' })
}, 180_000)

test('no span holds a personal value, a secret, an address or a URL', async () => {
  await system.stop() // the last spans are sent at the end
  const everything = collector.bodies.join().toLowerCase()
  expect(everything.length).toBeGreaterThan(10_000)
  const forbidden = [person.email, 'grace', person.password, device, '127.0.0.1', '::1', 'code=', 'state=', '?step', 'Bearer', 'PRIVATE', 'challenge']
  // Not `not.toContain`: that would print all spans.
  expect(forbidden.filter((value) => everything.includes(value.toLowerCase()))).toEqual([])
}, 30_000)
