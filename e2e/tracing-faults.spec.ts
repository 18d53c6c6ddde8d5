/** The promise of tracing when things go wrong: the trace of a request is in its problem, its log lines and its audit entries, and goes on over retries. */
import { TraceCollector } from '@pavan/platform/testing/trace-collector.js'
import { Browser, call } from './support/http.js'
import { MailServer } from './support/mail-server.js'
import { eventually } from './support/parallel.js'
import { System } from './support/system.js'
import { authorizationUrl, callback, makeTenant, type Tenant } from './support/tenant.js'

const traceId = '1bf7651916cd43dd8448eb211c80319d'
const traceparent = `00-${traceId}-b7ad6b7169203331-01`
const person = { email: 'mary.traced@example.org', password: 'correct horse battery staple 9', name: 'Mary Traced' }

let collector: TraceCollector
let mailServer: MailServer
let system: System
let tenant: Tenant
beforeAll(async () => {
  collector = await TraceCollector.start()
  mailServer = await MailServer.start()
  system = await System.start({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '50', PAVAN_SMTP_URL: mailServer.url, LOG_FORMAT: 'json' },
  })
  tenant = await makeTenant(system, 'faulty')
}, 180_000)
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
  await mailServer?.[Symbol.asyncDispose]()
  await collector?.[Symbol.asyncDispose]()
})

interface Line {
  readonly message: string
  readonly level: string
  readonly trace_id?: string
  readonly request_id?: string
}
const logged = (): Line[] => system.output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))

test('a mail that is refused at first goes out later in the trace of the sign-up that it is for', async () => {
  mailServer.refusing = 1
  const browser = new Browser(callback, { traceparent })
  const { url } = await authorizationUrl(system, tenant)
  await browser.open(url)
  await browser.follow('step=sign-up')
  await browser.submit(person)
  const code = await eventually(async () => mailServer.mails.map((mail) => /^Subject: (\d{6}) /m.exec(mail)?.[1]).find(Boolean))
  expect(mailServer.refused).toBe(1)
  await browser.submit({ code })
  if (browser.page.includes('value="consent"')) await browser.submit({}, { having: 'consent' })
  expect(browser.url).toContain('code=')

  const tries = await eventually(async () => {
    const spans = collector.of(traceId).filter(({ name }) => name === 'send mail')
    return spans.length === 2 && spans
  })
  const [first, second] = tries
  expect(tries.map(({ status }) => status).sort()).toEqual([0, 2])
  expect(first?.parentSpanId).toBe(second?.parentSpanId)
  const sent = await eventually(async () => collector.of(traceId).find(({ name }) => name === 'append mail'))
  expect(collector.line(sent)[1]).toMatchObject({ name: 'send mail', status: 0 })
  expect(collector.line(sent).at(-1)).toMatchObject({ parentSpanId: 'b7ad6b7169203331', attributes: { 'pavan.service': 'gateway' } })
  expect(logged().find(({ message }) => message.startsWith('a mail could not be handed over'))?.trace_id).toBe(traceId)
}, 180_000)

test('the audit entries of the sign-up have its trace', async () => {
  // In the order in which the partitions come, whichever that is.
  const wanted = ['user.registered', 'mail.sent', 'session.started', 'sign-in.succeeded']
  const ofTrace = await eventually(async () => {
    const { json } = await tenant.api('GET', '/api/v1/audit/records?limit=100')
    const types = (json.items as { type: string; traceId?: string }[]).filter((item) => item.traceId === traceId).map(({ type }) => type)
    return wanted.every((type) => types.includes(type)) && types
  })
  expect(ofTrace).toEqual(expect.arrayContaining(wanted))
})

test('a problem has the trace of its request, whether the gateway or a service refuses, and so has the log line', async () => {
  const other = '2bf7651916cd43dd8448eb211c80319e'
  const headers = { traceparent: `00-${other}-b7ad6b7169203331-01` }
  const refused = [
    await call(`${system.base}/api/v1/admin/tenant`, { headers, token: 'not.a.token' }),
    await call(`${system.base}/api/v1/admin/tenant`, { headers }),
    await call(`${system.base}/nowhere`, { headers }),
  ]
  expect(refused.map(({ status, json }) => [status, json.trace_id])).toEqual([
    [401, other],
    [401, other],
    [404, other],
  ])
  await eventually(async () => logged().filter((line) => line.message === 'request' && line.trace_id === other).length >= 2)
  // What nobody sent a trace for has one of its own, and the answer says which.
  const { json, headers: answered } = await call(`${system.base}/nowhere`)
  expect(json.trace_id).toMatch(/^[0-9a-f]{32}$/)
  expect(answered.get('traceparent')?.split('-')[1]).toBe(json.trace_id)
})

test('every log line of a request names its trace', () => {
  const lines = logged().filter((line) => line.request_id !== undefined)
  expect(lines.length).toBeGreaterThan(10)
  expect(lines.filter(({ trace_id }) => !/^[0-9a-f]{32}$/.test(trace_id ?? ''))).toEqual([])
})
