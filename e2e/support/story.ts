/** What audit and analytics must know of a person who signed up, signed in, was given a role and lost it, edited the profile, and left. */
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from './parallel.js'
import type { Tenant } from './tenant.js'

const once = [
  'user.registered',
  'session.started',
  'sign-in.succeeded',
  'consent.given',
  'role.assigned',
  'role.unassigned',
  'profile.changed',
  'session.ended',
]

interface Record {
  readonly type: string
  readonly subject?: string
}

const records = async ({ api }: Pick<Tenant, 'api'>): Promise<Record[]> => {
  const found: Record[] = []
  let cursor: string | undefined
  do {
    const page = (await api('GET', `/api/v1/audit/records?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)).json
    found.push(...(page.items as Record[]))
    cursor = page.next
  } while (cursor)
  return found
}

/** Sums over all time; exact once the events have come. */
export interface Counts {
  readonly signUps: number
  readonly signInsByPassword: number
  /** Started, registered, e-mail verified, first sign-in. */
  readonly funnel: readonly number[]
}

const countsOf = async ({ api }: Pick<Tenant, 'api'>): Promise<Counts> => {
  const total = async (query: string, wanted?: string): Promise<number> =>
    ((await api('GET', `/api/v1/analytics/series?${query}`)).json.series as { total: number; key?: string }[])
      .filter(({ key }) => key === wanted)
      .reduce((sum, one) => sum + one.total, 0)
  const { steps } = (await api('GET', '/api/v1/analytics/funnel')).json as { steps: { count: number }[] }
  return {
    signUps: await total('metric=sign-ups'),
    signInsByPassword: await total('metric=sign-ins&by=method', 'password'),
    funnel: steps.map(({ count }) => count),
  }
}

/** Of a tenant whose past has come just now: once nothing more is counted for two seconds. */
export const settledCounts = (tenant: Pick<Tenant, 'api'>): Promise<Counts> =>
  eventually(async () => {
    const before = await countsOf(tenant)
    await pause(2000)
    const now = await countsOf(tenant)
    return JSON.stringify(now) === JSON.stringify(before) && now
  }, 60_000)

const nothing: Counts = { signUps: 0, signInsByPassword: 0, funnel: [0, 0, 0, 0] }

export interface Story {
  /** What analytics counted before the person came. */
  readonly before?: Counts
  /** Applications that the person got into by single sign-on. */
  readonly further?: number
}

export const expectEachStepOnce = async (tenant: Pick<Tenant, 'api'>, user: string, { before = nothing, further = 0 }: Story = {}): Promise<void> => {
  const counts = await eventually(async () => {
    const seen = (await records(tenant)).filter(({ subject }) => subject === user)
    const found = once.map((type) => [type, seen.filter((one) => one.type === type).length] as const)
    return found.every(([, count]) => count > 0) ? Object.fromEntries(found) : undefined
  })
  expect(counts).toEqual({ ...Object.fromEntries(once.map((type) => [type, 1])), 'sign-in.succeeded': 1 + further })
  const after = await eventually(async () => {
    const now = await countsOf(tenant)
    return (
      now.signUps > before.signUps && now.signInsByPassword > before.signInsByPassword && now.funnel.every((step, n) => step > (before.funnel[n] ?? 0)) && now
    )
  })
  expect(after).toEqual({ signUps: before.signUps + 1, signInsByPassword: before.signInsByPassword + 1, funnel: before.funnel.map((step) => step + 1) })
}
