import { randomBytes } from 'node:crypto'
import { ManualClock } from '@pavan/kernel'
import { roleAssigned } from '@pavan/contracts'
import { sqliteAdapters } from '@pavan/sqlite'
import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import { bareService, ServiceBench } from '@pavan/platform/testing/service-bench.js'
import { Views } from '@pavan/platform/views/views.js'
import { profilesService } from './profiles.service.js'

const caller: CallerIdentity = { tenant: 'ten_a', subject: { type: 'user', id: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8' }, scopes: [] }
const meta = { actor: { type: 'system', id: 'spec' } } as const
const deep = (levels: number): unknown => (levels === 0 ? 'x' : { a: deep(levels - 1) })
const bodies: unknown[] = [
  null,
  [],
  'x',
  1e308,
  true,
  {},
  { attributes: null },
  { attributes: { a: deep(18) } },
  { attributes: { name: '\u0000' } },
  { attributes: { name: '\ud800' } },
  { attributes: { name: 'x'.repeat(90_000) } },
  { attributes: { constructor: 'x', toString: 1, hasOwnProperty: {} } },
  { attributes: [{ key: 'toString' }] },
  { attributes: [{ key: 'x', label: { en: 'X' }, type: 'enum', options: [] }] },
  { attributes: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i])) },
]
const texts = ['', '%00', '%FF', '..%2F..', '__proto__', 'constructor', 'x'.repeat(450), "'%3B--", '%F0%9F%98%80', '-1', '1e999', 'NaN']

it('bad input is told by a code, never by a failure', async () => {
  const clock = new ManualClock()
  const adapters = sqliteAdapters({ folder: ':memory:', clock, claimKey: randomBytes(32) })
  const bench = await ServiceBench.start([profilesService, bareService('authorization')], { adapters, clock })
  const position = await bench.write(
    'authorization',
    'assignment',
    { tenant: 'ten_a', id: caller.subject.id, meta },
    roleAssigned.of({ data: { assignee: caller.subject.id, role: 'administrator' } }),
  )
  await bench.host('profiles').get(Views).waitFor(position)
  const wrong: string[] = []
  const attempt = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await bench.call('profiles', method, `/api/v1/profiles${path}`, { caller, body, headers })
    const fine =
      answer.status < 400 ||
      (answer.status < 500 &&
        /^[a-z-]+\.[a-z-]+\.[a-z-]+$/.test(answer.body?.code) &&
        answer.headers.get('content-type')?.startsWith('application/problem+json'))
    if (!fine) wrong.push(`${method} ${path} ${JSON.stringify(body)?.slice(0, 100)}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
  for (const body of bodies) {
    await attempt('PATCH', '/me', body)
    await attempt('PUT', '/schema', body, { 'if-match': '"0"' })
    await attempt('POST', '/me/export', body)
  }
  for (const text of texts) {
    for (const path of [
      `/${text}`,
      `/${text}/export`,
      `/erasures/${text}`,
      `?cursor=${text}`,
      `?limit=${text}`,
      `?query=${text}`,
      `?query=pagina&cursor=${text}`,
      `/erasures?cursor=${text}`,
    ])
      await attempt('GET', path)
    await attempt('PATCH', `/${text}`, { attributes: {} })
    for (const header of ['if-match', 'idempotency-key', 'pavan-wait-for'])
      await attempt('PATCH', '/me', { attributes: {} }, { [header]: decodeURI(text.replace('%FF', '').replace('%00', '').replace('%F0%9F%98%80', '')) })
  }
  expect(wrong).toEqual([])
  await bench[Symbol.asyncDispose]()
  await adapters.close()
})
