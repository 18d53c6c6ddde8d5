import { randomBytes } from 'node:crypto'
import { ManualClock, type DomainEvent } from '@pavan/kernel'
import { registrationStarted, roleAssigned, signInFailed, signInSucceeded, subjectErased, userEmailVerified, userRegistered } from '@pavan/contracts'
import { sqliteAdapters } from '@pavan/sqlite'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { bareService, ServiceBench } from '@pavan/platform/testing/service-bench.js'
import { Views } from '@pavan/platform/views/views.js'
import { analyticsServiceWith } from './analytics.service.js'
import { activeUsers, catalogue, signIns, signUps } from './metrics/catalogue.js'
import { counts, defineCounter } from './metrics/counter.js'

const day = 86_400_000
/** A Tuesday. */
const today = Date.UTC(2026, 10, 24)
const meta = { actor: { type: 'system', id: 'spec' } } as const
const admin = (tenant: string): CallerIdentity => ({ tenant, subject: { type: 'user', id: 'usr_admin' }, scopes: [] })

class Analytics implements AsyncDisposable {
  #n = 0
  private constructor(
    readonly bench: ServiceBench,
    private readonly close: () => Promise<void>,
  ) {}

  static async start(metrics = catalogue, shared?: { adapters: ReturnType<typeof sqliteAdapters>; env: object }): Promise<Analytics> {
    const clock = new ManualClock(today + day / 2)
    const adapters = shared?.adapters ?? sqliteAdapters({ folder: ':memory:', clock, claimKey: randomBytes(32) })
    const bench = await ServiceBench.start([analyticsServiceWith(metrics), bareService('identity'), bareService('authorization'), bareService('profiles')], {
      adapters,
      clock,
      ...shared?.env,
    })
    const analytics = new Analytics(bench, shared ? async () => {} : () => adapters.close())
    for (const tenant of ['ten_a', 'ten_b']) {
      await analytics.seen(
        await bench.write(
          'authorization',
          'assignment',
          { tenant, id: 'usr_admin', meta },
          roleAssigned.of({ data: { assignee: 'usr_admin', role: 'viewer' } }),
        ),
      )
    }
    return analytics
  }

  seen(position: string): Promise<void> {
    return this.bench.host('analytics').get(Views).waitFor(position)
  }

  async tell(category: string, id: string, at: number, ...events: readonly DomainEvent[]): Promise<void> {
    await this.seen(await this.bench.write('identity', category, { tenant: 'ten_a', id, meta, at, subject: category === 'user' ? id : undefined }, ...events))
  }

  registered = (user: string, at: number, method: 'password' | 'admin' = 'password') =>
    this.tell('user', user, at, userRegistered.of({ data: { method }, personal: { email: `${user}@example.com` }, secret: {} }))
  verified = (user: string, at: number) => this.tell('user', user, at, userEmailVerified.of({ data: {} }))
  signedIn = (user: string, at: number, application = 'app_shop') =>
    this.tell('session', `ses_${++this.#n}`, at, signInSucceeded.of({ data: { user, session: `ses_${this.#n}`, method: 'password', application } }))
  failed = (at: number) =>
    this.tell('sign-in', `sin_${++this.#n}`, at, signInFailed.of({ data: { method: 'password', reason: 'wrong-password', application: 'app_shop' } }))
  started = (at: number) => this.tell('registration', `reg_${++this.#n}`, at, registrationStarted.of({ data: {} }))

  async get(path: string, tenant = 'ten_a') {
    return (await this.bench.call('analytics', 'GET', `/api/v1/analytics${path}`, { caller: admin(tenant) })).body
  }

  /** The points that are not zero, as day of the month → value. */
  async points(query: string, tenant?: string): Promise<Record<string, number>> {
    const { series } = await this.get(`/series?${query}&from=2026-11-01&to=2026-11-30`, tenant)
    return Object.fromEntries(
      series.flatMap(({ key, points }: any) =>
        points
          .filter(({ value }: any) => value > 0)
          .map(({ at, value }: any) => [`${key === undefined ? '' : `${key} `}${new Date(at).toISOString().slice(5, 10)}`, value]),
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]()
    await this.close()
  }
}

describe('counters', () => {
  it('count sign-ups per day, by method, in their tenant only', async () => {
    await using analytics = await Analytics.start()
    await analytics.registered('usr_1', today - day)
    await analytics.registered('usr_2', today - 1)
    await analytics.registered('usr_3', today, 'admin')
    expect(await analytics.points('metric=sign-ups')).toEqual({ '11-23': 2, '11-24': 1 })
    expect(await analytics.points('metric=sign-ups&by=method')).toEqual({ 'password 11-23': 2, 'admin 11-24': 1 })
    expect(await analytics.points('metric=sign-ups&interval=week')).toEqual({ '11-23': 3 })
    expect(await analytics.points('metric=sign-ups', 'ten_b')).toEqual({})
  })

  it('count sign-ins by application, outcome and reason', async () => {
    await using analytics = await Analytics.start()
    await analytics.signedIn('usr_1', today)
    await analytics.signedIn('usr_1', today + 1, 'app_docs')
    await analytics.failed(today + 2)
    expect(await analytics.points('metric=sign-ins')).toEqual({ '11-24': 3 })
    expect(await analytics.points('metric=sign-ins&by=application')).toEqual({ 'app_shop 11-24': 2, 'app_docs 11-24': 1 })
    expect(await analytics.points('metric=sign-ins&by=outcome')).toEqual({ 'succeeded 11-24': 2, 'failed 11-24': 1 })
    expect(await analytics.points('metric=sign-ins&by=reason')).toEqual({ 'none 11-24': 2, 'wrong-password 11-24': 1 })
    expect((await analytics.get('/series?metric=sign-ins&interval=hour&from=2026-11-24&to=2026-11-24')).series).toMatchObject([
      { total: 3, points: { length: 24 } },
    ])
  })
})

describe('active users', () => {
  it('are counted once in each day, week and month', async () => {
    await using analytics = await Analytics.start()
    for (const at of [today, today + 1, today - day, today - 2 * day, today - 20 * day]) await analytics.signedIn('usr_1', at)
    await analytics.signedIn('usr_2', today)
    expect(await analytics.points('metric=active-users')).toEqual({ '11-04': 1, '11-22': 1, '11-23': 1, '11-24': 2 })
    expect(await analytics.points('metric=active-users&interval=week')).toEqual({ '11-02': 1, '11-16': 1, '11-23': 2 })
    expect(await analytics.points('metric=active-users&interval=month')).toEqual({ '11-01': 2 })
  })

  it('stay the same when every event comes again and when the view is rebuilt', async () => {
    await using analytics = await Analytics.start()
    for (const user of ['usr_1', 'usr_2', 'usr_1']) await analytics.signedIn(user, today)
    const { rows, store, bus } = await analytics.bench.adapters.portsFor('identity')
    expect(rows).toBeDefined()
    await bus.publish(await store.readAll({ p: 0, seq: 0 }, 100))
    await analytics.bench.host('analytics').get(Views).rebuild('metric-active-users')
    expect(await analytics.points('metric=active-users')).toEqual({ '11-24': 2 })
    expect(await analytics.points('metric=sign-ins')).toEqual({ '11-24': 3 })
  })

  it('stay counted when a person is erased, and nothing names them', async () => {
    await using analytics = await Analytics.start()
    await analytics.registered('usr_1', today)
    await analytics.signedIn('usr_1', today)
    await analytics.seen(
      await analytics.bench.write(
        'profiles',
        'subject',
        { tenant: 'ten_a', id: 'usr_1', meta },
        subjectErased.of({ data: { user: 'usr_1', erasure: 'era_1' } }),
      ),
    )
    const views = analytics.bench.host('analytics').get(Views)
    for (const view of ['metric-active-users', 'metric-sign-ups', 'registration-funnel']) await views.rebuild(view)
    expect(await analytics.points('metric=active-users')).toEqual({ '11-24': 1 })
    expect(await analytics.points('metric=sign-ups')).toEqual({ '11-24': 1 })
    expect((await analytics.get('/funnel')).steps.map(({ count }: any) => count)).toEqual([0, 1, 0, 1])
  })
})

describe('the funnel of registration', () => {
  it('counts people on the day of their registration, whatever the order of events', async () => {
    await using analytics = await Analytics.start()
    for (let i = 0; i < 4; i++) await analytics.started(today - day)
    await analytics.registered('usr_1', today - day)
    await analytics.signedIn('usr_2', today) // its session is another stream, which may be seen first
    await analytics.registered('usr_2', today - day)
    await analytics.registered('usr_3', today - day)
    await analytics.verified('usr_1', today)
    await analytics.verified('usr_2', today)
    await analytics.signedIn('usr_1', today)
    await analytics.signedIn('usr_1', today + 1)
    const funnel = await analytics.get('/funnel?from=2026-11-23&to=2026-11-23')
    expect(funnel.steps).toMatchObject([
      { id: 'started', count: 4 },
      { id: 'registered', count: 3, ofPrevious: 0.75 },
      { id: 'email-verified', count: 2 },
      { id: 'first-sign-in', count: 2, ofPrevious: 1 },
    ])
    expect((await analytics.get('/funnel?from=2026-11-24&to=2026-11-24')).steps.map(({ count }: any) => count)).toEqual([0, 0, 0, 0])
  })
})

describe('the catalogue', () => {
  it('publishes what every metric counts', async () => {
    await using analytics = await Analytics.start()
    await analytics.registered('usr_1', today - day)
    const { items } = await analytics.get('/metrics')
    expect(items.map(({ id, since }: any) => [id, since])).toEqual([
      ['sign-ups', today - day],
      ['sign-ins', undefined],
      ['active-users', undefined],
    ])
    for (const metric of items) expect(metric).toMatchObject({ timeZone: 'UTC', definition: expect.stringMatching(/^.{40}/s) })
  })

  it('grows by a metric that is filled over all history', async () => {
    const adapters = sqliteAdapters({ folder: ':memory:', clock: new ManualClock(today), claimKey: randomBytes(32) })
    const { LocalKeyEncryptionKey } = await import('@pavan/platform/privacy/kek.js')
    const shared = { adapters, env: { kek: new LocalKeyEncryptionKey(randomBytes(32)) } }
    {
      await using before = await Analytics.start([signUps, signIns], shared)
      await before.signedIn('usr_1', today)
      await before.signedIn('usr_2', today)
      await before.failed(today - day)
      expect(await before.get('/series?metric=active-users')).toMatchObject({ code: 'analytics.metric.not-found' })
    }
    const failures = defineCounter({
      id: 'failed-sign-ins',
      title: 'Failed',
      unit: 'attempts',
      definition: 'Failed attempts.',
      dimensions: ['reason'],
      on: [counts(signInFailed, ({ data }) => ({ reason: data.reason }))],
    })
    {
      await using after = await Analytics.start([signUps, signIns, activeUsers, failures], shared)
      expect(await after.points('metric=active-users')).toEqual({ '11-24': 2 })
      expect(await after.points('metric=failed-sign-ins&by=reason')).toEqual({ 'wrong-password 11-23': 1 })
      expect(await after.points('metric=sign-ins')).toEqual({ '11-23': 1, '11-24': 2 })
    }
    await adapters.close()
  })

  it.each([
    ['metric=active-users&interval=hour', 'analytics.series.interval-unknown'],
    ['metric=active-users&by=method', 'analytics.series.dimension-unknown'],
    ['metric=nothing', 'analytics.metric.not-found'],
    ['metric=sign-ups&from=2026-11-24&to=2026-11-01', 'analytics.series.period-empty'],
    ['metric=sign-ups&from=0001-01-01&to=9999-12-31', 'analytics.series.too-long'],
    ['metric=sign-ups&from=yesterday', 'request.parameter.invalid'],
  ])('refuses %s as %s', async (query, code) => {
    await using analytics = await Analytics.start()
    expect(await analytics.get(`/series?${query}`)).toMatchObject({ code })
  })
})
