/** What a request leaves for a job to do belongs to the trace of that request, whoever comes to it first. */
import { startTracing } from '@pavan/platform/telemetry/start-tracing.js'
import { makeLog } from '@pavan/platform/telemetry/log.js'
import { TraceCollector } from '@pavan/platform/testing/trace-collector.js'
import { tracing } from '@pavan/platform/telemetry/tracing.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Mails } from '../mail/mails.js'
import { LogoutNotices } from '../session/logout-notices.js'
import { password, PeopleUnderTest } from '../spec/people-under-test.js'
import { ChallengeMails } from './challenge-mails.js'

const traceId = '3bf7651916cd43dd8448eb211c80319c'
const traceparent = `00-${traceId}-b7ad6b7169203331-01`

let collector: TraceCollector
let people: PeopleUnderTest
let stop: (() => Promise<void>) | undefined
beforeAll(async () => {
  collector = await TraceCollector.start()
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.endpoint
  stop = await startTracing(process.env, { version: '9.9.9', log: makeLog({ format: 'json', destination: { write: () => {} } }) })
  people = await PeopleUnderTest.start()
})
afterAll(async () => {
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
  await people.close()
  await collector[Symbol.asyncDispose]()
})
afterEach(() => jest.restoreAllMocks())

test('a code that the job sends, its mail and a logout token go out in the trace of the request', async () => {
  const tenant = await people.tenant('later')
  const client = await people.client(tenant)
  const { browser, page } = await people.waiting('later', client, { traceparent })
  // As where the job is faster than what the request has begun, or the process dies in between.
  jest.spyOn(people.get(ChallengeMails), 'sendSoon').mockImplementation(() => {})
  await people.submit(browser, page, { action: 'sign-up', email: 'later@example.org', name: 'Ada', password })
  await people.codeTo('later@example.org')
  await people.get(Mails).deliver()
  const notices = people.get(LogoutNotices)
  notices.sendBy(async () => {})
  const notice = { tenant, client, user: 'usr_ada', sid: 'sid_1' }
  await tracing.during({ name: 'end', parent: traceparent }, () => people.get(Rows).apply([notices.queue(notice)]))
  await notices.deliver()
  await stop?.()
  const spans = collector.of(traceId)
  const named = (wanted: string) => spans.find(({ name }) => name === wanted)
  for (const name of ['send mail', 'send logout token']) expect(named(name)).toBeDefined()
  const mail = collector.line(named('send mail')!).map(({ name }) => name)
  expect(mail).toEqual(['send mail', 'write mail', 'POST /t/:slug/interaction/:uid'])
  expect(collector.line(named('send logout token')!).map(({ name }) => name)).toEqual(['send logout token', 'end'])
})
