/** Commands of several services by many writers at once, and the question whether the system still knows everything that it acknowledged. */
import { randomInt } from 'node:crypto'
import { openCheckpoint, verifyExport } from '@pavan/audit/verify/verify-export.js'
import type { CheckpointClaims } from '@pavan/contracts/audit/audit.contract.js'
import { call, expectStatus, type Answer } from './http.js'
import { eventually } from './parallel.js'
import type { System } from './system.js'
import { machineToken } from './tokens.js'

interface Person {
  readonly id: string
  hasRole: boolean
  /** Nickname that was acknowledged last, and the one that was sent last. */
  known: number
  sent: number
}

interface AuditLine {
  readonly event: string
  readonly type: string
  readonly subject?: string
}

export class CrashLoad {
  readonly #applications = new Set<string>()
  readonly #people = new Map<string, Person>()
  readonly #checkpoints: CheckpointClaims[] = []
  #sent = 0
  #token = ''

  get acknowledged(): number {
    return this.#applications.size + this.#people.size
  }

  /** Writers send commands as long as `meanwhile` takes, which may end the system. */
  async during(system: System, writers: number, meanwhile: () => Promise<void>): Promise<void> {
    await this.#signIn(system)
    const { post } = this.#api(system)
    expectStatus(await post('authorization/roles', { key: 'crash', name: 'Crash' }), 201, 409)
    let ending = false
    const running = Array.from({ length: writers }, async () => {
      // Whatever fails was not acknowledged.
      while (!ending) await this.#step(system).catch(() => new Promise((later) => setTimeout(later, 20)))
    })
    try {
      await meanwhile()
    } finally {
      ending = true
      await Promise.all(running)
    }
  }

  async #step(system: System): Promise<void> {
    const { post, patch } = this.#api(system)
    const name = `crash-${++this.#sent}`
    if ((await post('admin/applications', { name })).status === 201) this.#applications.add(name)
    const made = await post('identity/users', { email: `${name}@example.org`, name })
    if (made.status !== 201) return
    const person: Person = { id: (made.json as { id: string }).id, hasRole: false, known: 0, sent: 0 }
    this.#people.set(`${name}@example.org`, person)
    person.hasRole = (await post('authorization/assignments', { subject: person.id, role: 'crash' })).status === 201
    for (const rounds = randomInt(1, 4); person.sent < rounds;) {
      const nickname = String(++person.sent)
      const changed = await patch(`profiles/${person.id}`, { attributes: { nickname } }, made.headers.get('pavan-position') ?? '')
      if (changed.status === 200) person.known = person.sent
    }
  }

  /** Everything acknowledged is there, once, in every service that has to know of it. */
  async check(system: System): Promise<void> {
    await this.#signIn(system)
    const names = (await this.list<{ name: string }>(system, 'admin/applications')).map(({ name }) => name).filter((name) => name.startsWith('crash-'))
    expect(new Set(names).size).toBe(names.length)
    expect([...this.#applications].filter((name) => !names.includes(name))).toEqual([])

    const users = new Map((await this.list<{ id: string; email: string }>(system, 'identity/users')).map(({ email, id }) => [email, id]))
    for (const [email, { id }] of this.#people) expect([email, users.get(email)]).toEqual([email, id])

    const assigned = (await this.list<{ subject: string; role: string }>(system, 'authorization/assignments')).filter(({ role }) => role === 'crash')
    expect(new Set(assigned.map(({ subject }) => subject)).size).toBe(assigned.length)
    const holders = new Set(assigned.map(({ subject }) => subject))
    expect([...this.#people.values()].filter(({ id, hasRole }) => hasRole && !holders.has(id))).toEqual([])

    const { get } = this.#api(system)
    const changed = [...this.#people.values()].filter(({ known }) => known > 0)
    const look = async (): Promise<void> => {
      for (let person = changed.pop(); person; person = changed.pop()) {
        const { id, known, sent } = person
        const nickname = Number((expectStatus(await get(`profiles/${id}`), 200).json as any).attributes.nickname)
        expect([id, nickname >= known && nickname <= sent]).toEqual([id, true])
      }
    }
    await Promise.all(Array.from({ length: 8 }, look))

    // Analytics and audit are told by events: as many as there are, never twice.
    const counted = async () => {
      const lines = await this.#audit(system)
      const count = (type: string) => lines.filter((line) => line.type === type).length
      const { series } = expectStatus(await get('analytics/series?metric=sign-ups'), 200).json as { series: { total: number }[] }
      const signUps = series.reduce((sum, { total }) => sum + total, 0)
      const behind = { registered: users.size - count('user.registered'), assigned: assigned.length - count('role.assigned'), signUps: users.size - signUps }
      return { lines, signUps, behind }
    }
    let records = await counted()
    for (const until = Date.now() + 30_000; Object.values(records.behind).some((events) => events > 0); records = await counted())
      if (Date.now() > until) throw new Error(`audit or analytics stay behind: ${JSON.stringify(records.behind)}`)
      else await new Promise((later) => setTimeout(later, 50))
    expect(records.signUps).toBe(users.size)
    expect(new Set(records.lines.map(({ event }) => event)).size).toBe(records.lines.length)
    for (const [type, ids] of [['user.registered', [...users.values()]] as const, ['role.assigned', [...holders]] as const]) {
      const subjects = records.lines.filter((line) => line.type === type && ids.includes(line.subject ?? '')).map(({ subject }) => subject)
      expect([type, subjects.toSorted()]).toEqual([type, ids.toSorted()])
    }
  }

  /** Signs a checkpoint of the audit log; from now on the log must be a continuation of it. */
  async checkpoint(system: System): Promise<void> {
    const { get, post } = this.#api(system)
    const signed = expectStatus(await post('audit/checkpoints', {}), 200).json as { jws: string }
    this.#checkpoints.push(await openCheckpoint(signed.jws, (await get('audit/keys')).json as never))
  }

  async #audit(system: System): Promise<AuditLine[]> {
    const { text } = expectStatus(await this.#api(system).get('audit/export'), 200)
    const lines = text.trimEnd().split('\n')
    expect(await verifyExport(lines, this.#checkpoints)).toMatchObject({ ok: true })
    return lines.slice(1).map((line) => {
      const { event, subject } = JSON.parse((JSON.parse(line) as { record: string }).record) as { event: { id: string; type: string }; subject?: string }
      return { event: event.id, type: event.type, subject }
    })
  }

  /** All pages of a list. */
  async list<T>(system: System, path: string): Promise<T[]> {
    const items: T[] = []
    let cursor = ''
    do {
      const page = expectStatus(await this.#api(system).get(`${path}?limit=100${cursor}`), 200).json as { items: T[]; next?: string }
      items.push(...page.items)
      cursor = page.next === undefined ? '' : `&cursor=${encodeURIComponent(page.next)}`
    } while (cursor)
    return items
  }

  get token(): string {
    return this.#token
  }

  async #signIn(system: System): Promise<void> {
    this.#token = await eventually(() => machineToken({ ...system.operator, issuer: `${system.base}/t/main` }).catch(() => undefined))
    await eventually(async () => (await this.#api(system).get('admin/tenant')).status === 200)
  }

  #api(system: System) {
    const send = (method: string, path: string, json?: unknown, position?: string): Promise<Answer> =>
      call(`${system.base}/api/v1/${path}`, { method, token: this.#token, json, headers: position ? { 'pavan-wait-for': position } : {} })
    return {
      get: (path: string) => send('GET', path),
      post: (path: string, json: unknown) => send('POST', path, json),
      patch: (path: string, json: unknown, position: string) => send('PATCH', path, json, position),
    }
  }
}
