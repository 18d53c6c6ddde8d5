/**
 * People and administrators at work while something breaks: sign-ups, sign-ins, refreshes, changes of roles and of profiles, so many a second.
 * Whatever was acknowledged is written down here; `verify` looks for each of it, once, in every view, after the dust has settled.
 * A command that was not acknowledged is sent again under its Idempotency-Key until it is, so that the count is exact.
 */
import { randomUUID } from 'node:crypto'
import { Browser, call, type Answer } from './http.js'
import { eventually } from './parallel.js'
import type { System } from './system.js'
import { trail } from './trail.js'
import { authorizationUrl, callback, exchange, type Tenant } from './tenant.js'

const password = 'correct horse battery staple 9'

interface Person {
  readonly user: string
  readonly email: string
  /** Role commands that were acknowledged, in order. */
  readonly roles: ('role.assigned' | 'role.unassigned')[]
  /** Profile changes that were acknowledged. */
  changes: number
  nickname?: string
  /** Sign-ins that were acknowledged, and those of which we do not know. */
  signIns: number
  maybeSignIns: number
  refreshToken?: string
  busy: boolean
}

interface Failure {
  readonly at: number
  readonly status: number
}

export class Workload {
  readonly #people: Person[] = []
  readonly #failures: Failure[] = []
  readonly #latencies: number[] = []
  #running: Promise<unknown> | undefined
  #stopped = false
  #acknowledged = 0
  #random: () => number

  constructor(
    private readonly system: System,
    private readonly tenant: Tenant,
    { seed = 1 }: { readonly seed?: number } = {},
  ) {
    this.#random = mulberry(seed)
  }

  /** Commands that were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** The role that comes and goes, and some people to begin with. */
  async prepare(people: number): Promise<void> {
    await this.tenant.api('POST', '/api/v1/authorization/roles', { key: 'worker', name: 'Worker' })
    for (let n = 0; n < people; n++) await this.#signUp()
  }

  /** Begins so many commands a second, until `stop`. */
  start(perSecond: number): void {
    this.#stopped = false
    const work = new Set<Promise<unknown>>()
    this.#running = (async () => {
      const began = performance.now()
      for (let n = 0; !this.#stopped; n++) {
        const due = began + (n * 1000) / perSecond
        const early = due - performance.now()
        if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
        // What is not answered yet holds back: people do not click for ever either.
        if (work.size > perSecond * 5) await Promise.race(work)
        const one = this.#one().finally(() => work.delete(one))
        work.add(one)
      }
      await Promise.all(work)
    })()
  }

  /** Begins nothing new, and waits until everything that was begun is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** The longest time during which requests kept failing with 5xx or without an answer, in milliseconds; 2 s without a failure end it. */
  get longestBurst(): number {
    let longest = 0
    let from: number | undefined
    let last = 0
    for (const { at } of this.#failures) {
      if (from === undefined || at - last > 2000) from = at
      last = at
      longest = Math.max(longest, last - from)
    }
    return longest
  }

  get failures(): number {
    return this.#failures.length
  }

  async #one(): Promise<void> {
    const free = this.#people.filter(({ busy }) => !busy)
    const person = free[Math.floor(this.#random() * free.length)]
    const dice = this.#random()
    if (!person || dice < 0.15) return void (await this.#signUp())
    person.busy = true
    try {
      if (dice < 0.25) await this.#signIn(person)
      else if (dice < 0.5) await this.#refresh(person)
      else if (dice < 0.75) await this.#changeRole(person)
      else await this.#changeProfile(person)
    } finally {
      person.busy = false
    }
  }

  async #signUp(): Promise<void> {
    const email = `person-${randomUUID()}@example.org`
    const { id } = (await this.#command('POST', '/api/v1/identity/users', { email, password, emailVerified: true, name: 'Workload Person' })).json
    this.#people.push({ user: id, email, roles: [], changes: 0, signIns: 0, maybeSignIns: 0, busy: false })
  }

  async #changeRole(person: Person): Promise<void> {
    if (person.roles.at(-1) === 'role.assigned') {
      await this.#command('DELETE', `/api/v1/authorization/assignments/${person.user}~worker`)
      person.roles.push('role.unassigned')
    } else {
      await this.#command('POST', '/api/v1/authorization/assignments', { subject: person.user, role: 'worker' })
      person.roles.push('role.assigned')
    }
  }

  async #changeProfile(person: Person): Promise<void> {
    const nickname = `n${person.changes + 1}`
    // The profile comes by an event of another service: at first it may be a moment away.
    await this.#command('PATCH', `/api/v1/profiles/${person.user}`, { attributes: { nickname } }, [404])
    person.changes++
    person.nickname = nickname
  }

  async #signIn(person: Person): Promise<void> {
    try {
      const browser = new Browser(callback)
      const { url, verifier } = await authorizationUrl(this.system, this.tenant)
      await browser.open(url)
      if (browser.page.includes('name="password"')) await browser.submit({ email: person.email, password })
      if (browser.page.includes('value="consent"')) await browser.submit({}, { having: 'consent' })
      if (browser.status >= 500) throw new Error(`the page answered ${browser.status}`)
      const tokens = await exchange(this.tenant, browser.url, verifier)
      person.refreshToken = tokens.refresh_token
      person.signIns++
      this.#acknowledged++
    } catch (error) {
      if (process.env.PAVAN_SPEC_LOG) process.stderr.write(`sign-in: ${(error as Error).message}\n`)
      // Somewhere on the way: whether the session has begun is not known.
      person.maybeSignIns++
      person.refreshToken = undefined
      this.#failures.push({ at: performance.now(), status: 0 })
      await pause(this.#random)
    }
  }

  async #refresh(person: Person): Promise<void> {
    const { refreshToken } = person
    if (!refreshToken) return this.#signIn(person)
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: this.tenant.client }
    const answer = await call(`${this.tenant.issuer}/token`, { form }).catch(() => undefined)
    // After an answer that got lost the token may be used up: whoever sends it again would look like a thief.
    person.refreshToken = answer?.status === 200 ? (answer.json.refresh_token as string) : undefined
    if (answer?.status === 200) this.#acknowledged++
    else {
      if (process.env.PAVAN_SPEC_LOG) process.stderr.write(`refresh: ${answer?.status} ${answer?.text}\n`)
      this.#failures.push({ at: performance.now(), status: answer?.status ?? 0 })
    }
  }

  /** Sends a command until it is acknowledged. What is refused is a mistake of the system, or of this workload: both end the run. */
  async #command(method: string, path: string, json?: unknown, wait: readonly number[] = []): Promise<Answer> {
    const key = randomUUID()
    const began = performance.now()
    for (let tries = 0; ; tries++) {
      const token = await this.tenant.token()
      const sent = performance.now()
      const answer = await call(`${this.system.base}${path}`, { method, token, json, headers: { 'idempotency-key': key } }).catch(() => undefined)
      if (answer && answer.status < 400) {
        this.#acknowledged++
        this.#latencies.push(performance.now() - sent)
        return answer
      }
      const later = answer?.status === 409 && answer.text.includes('in-progress')
      if (answer && answer.status < 500 && answer.status !== 429 && !later && !wait.includes(answer.status))
        throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
      if (!answer || answer.status >= 500) this.#failures.push({ at: performance.now(), status: answer?.status ?? 0 })
      if (performance.now() - began > 180_000) throw new Error(`${method} ${path} was not acknowledged within three minutes: ${answer?.text ?? 'no answer'}`)
      await pause(this.#random, tries)
    }
  }

  /** Every acknowledged command is there, once, in order, in every view. Answers what is wrong, in sentences, and how far what is missing has come. */
  async verify(within = 60_000): Promise<readonly string[]> {
    let wrong: string[] = []
    try {
      await eventually(async () => {
        wrong = await this.#look().catch((error: unknown) => [(error as Error).message])
        return wrong.length === 0
      }, within)
      return []
    } catch (error) {
      const people = new Set(wrong.flatMap((sentence) => sentence.match(/usr_\w+/) ?? []))
      return [...wrong, (error as Error).message, ...(await Promise.all([...people].slice(0, 3).map((id) => trail(this.system, id))))]
    }
  }

  async #look(): Promise<string[]> {
    const wrong: string[] = []
    const should = (what: string, is: unknown, expected: unknown): void => {
      if (JSON.stringify(is) !== JSON.stringify(expected)) wrong.push(`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(expected)}`)
    }
    const records = await this.#all('/api/v1/audit/records?limit=200')
    const byPerson = Map.groupBy(records.toReversed(), (record: any) => (record.subject ?? record.data?.assignee) as string)
    const users = await this.#all('/api/v1/identity/users?limit=200')
    const profiles = await this.#all('/api/v1/profiles?limit=100')
    const count = (list: readonly any[], key: string, value: string) => list.filter((one) => one[key] === value).length
    for (const person of this.#people) {
      const own = (byPerson.get(person.user) ?? []) as { type: string }[]
      const types = (wanted: RegExp) => own.map(({ type }) => type).filter((type) => wanted.test(type))
      should(`${person.user} registered, in the audit log`, types(/^user\.registered$/).length, 1)
      should(`${person.user} in the list of users`, count(users, 'id', person.user), 1)
      should(`${person.user} in the list of profiles`, count(profiles, 'user', person.user), 1)
      should(`roles of ${person.user} in the audit log`, types(/^role\./), person.roles)
      should(`profile changes of ${person.user} in the audit log`, types(/^profile\.changed$/).length, person.changes)
      const signIns = types(/^session\.started$/).length
      if (signIns < person.signIns || signIns > person.signIns + person.maybeSignIns)
        wrong.push(`sessions of ${person.user}: ${signIns}, but ${person.signIns} to ${person.signIns + person.maybeSignIns} were begun`)
      if (wrong.length > 20) return wrong
    }
    should('users in all', users.length, this.#people.length)
    const series = (await this.#get('/api/v1/analytics/series?metric=sign-ups')).series as { total: number }[]
    should(
      'sign-ups in the analytics',
      series.reduce((sum, { total }) => sum + total, 0),
      this.#people.length,
    )
    for (const person of this.#people.filter((_, n) => n % 5 === 0)) {
      const profile = await this.#get(`/api/v1/profiles/${person.user}`)
      should(`the nickname of ${person.user}`, profile.attributes?.nickname, person.nickname)
      const assigned = await this.#get(`/api/v1/authorization/assignments?subject=${person.user}`)
      should(`the roles of ${person.user}`, assigned.items.length, person.roles.at(-1) === 'role.assigned' ? 1 : 0)
    }
    return wrong
  }

  /** What the views show, as one text: equal before and after they are built again. */
  async snapshot(): Promise<string> {
    const paths = ['/api/v1/identity/users?limit=200', '/api/v1/profiles?limit=100', '/api/v1/authorization/assignments?limit=200']
    const lists = []
    for (const path of paths) lists.push((await this.#all(path)).map((one) => JSON.stringify(one)).sort())
    const metrics = (await this.#get('/api/v1/analytics/metrics')).items as { id?: string; metric?: string; name?: string }[]
    for (const { id, metric, name } of metrics) lists.push(JSON.stringify(await this.#get(`/api/v1/analytics/series?metric=${id ?? metric ?? name}`)))
    return JSON.stringify(lists, null, 1)
  }

  async #get(path: string): Promise<any> {
    return (await this.tenant.api('GET', path)).json
  }

  async #all(path: string): Promise<any[]> {
    const items: any[] = []
    let cursor = ''
    do {
      const page = await this.#get(`${path}${cursor}`)
      items.push(...page.items)
      cursor = page.next === undefined ? '' : `&cursor=${encodeURIComponent(page.next)}`
    } while (cursor)
    return items
  }
}

/** 50 to 250 ms, doubled with each try up to 2 s: clients that hurry would keep a system that has fallen behind from catching up. */
const pause = (random: () => number, tries = 0): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(2000, (50 + random() * 200) * 2 ** tries)))

/** A small generator with a seed (mulberry32 by Tommy Ettinger, public domain): a round can be repeated. */
export const mulberry = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
