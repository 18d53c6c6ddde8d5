/**
 * Every operation of /openapi.json gets generated bad input. The list comes from the document, so a new operation is covered by being there.
 * No answer may be a 5xx, and every refusal is problem+json (RFC 9457) with a code of the closed list.
 */
import { randomInt } from 'node:crypto'
import { operationsOf, type Operation } from './support/openapi.js'
import { operatorToken } from './support/tokens.js'
import { System } from './support/system.js'

let system: System
let token: string
let operations: Operation[]
let codes: ReadonlySet<string>

beforeAll(async () => {
  system = await System.start()
  token = await operatorToken(system)
  const document = (await (await fetch(`${system.base}/openapi.json`)).json()) as any
  operations = operationsOf(document)
  codes = new Set(document.components.schemas.Problem.properties.code.enum as string[])
}, 60_000)
afterAll(() => system[Symbol.asyncDispose]())

const form = 'application/x-www-form-urlencoded'
const long = 'x'.repeat(70_000)
const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

/** Raw bodies that are wrong for every operation that takes JSON. */
const brokenBodies: ReadonlyArray<readonly [string, string | Uint8Array, string?]> = [
  ['no JSON', '{"a":'],
  ['an array', '[]'],
  ['a string', '"text"'],
  ['a number', '12345678901234567890'],
  ['a huge number', '{"limit":1e400}'],
  ['null', 'null'],
  ['nothing', ''],
  ['too deep', deep(200)],
  ['absurdly deep', deep(20_000)],
  ['a prototype key', '{"__proto__":{"admin":true}}'],
  ['a constructor key', '{"constructor":{"prototype":{"admin":true}}}'],
  ['a NUL byte', '{"name":"a\\u0000b"}'],
  ['a raw NUL byte', '{"name":"a\u0000b"}'],
  ['invalid UTF-8', Uint8Array.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d])],
  ['a lone surrogate', '{"name":"\\ud800"}'],
  ['too large', JSON.stringify({ name: 'y'.repeat(3_000_000) })],
  ['a form', 'name=x', 'application/x-www-form-urlencoded'],
  ['XML', '<a/>', 'application/xml'],
  ['an unknown type', 'x', 'a/b; charset=nope'],
  ['a malformed type', '{}', 'garbage'],
]
const wrongValues: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  2 ** 53,
  '',
  ' ',
  'a\u0000b',
  long,
  '__proto__',
  [],
  [[]],
  {},
  { $ne: null },
  { __proto__x: 1 },
  ['x', { a: 1 }],
  '🦊'.repeat(300),
  '\u202e',
  '../../etc/passwd',
  "' OR 1=1 --",
]

/** A form with the same values: what is no text becomes one, as a browser would send it. */
const formed = (values: Readonly<Record<string, unknown>>): string =>
  new URLSearchParams(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])).toString()

const bodyOf = (operation: Operation, values: Readonly<Record<string, unknown>>): RequestInit => ({
  body: operation.bodyType === form ? formed(values) : JSON.stringify(values),
  headers: { 'content-type': operation.bodyType ?? 'application/json' },
})

/** Raw forms that are wrong for every operation that takes one. */
const brokenForms: readonly (string | Uint8Array)[] = [
  '',
  '&&&==&',
  'a=1&a=2&client_id=x&client_id=y&token=a&token=b',
  '__proto__=x&constructor=y&__proto__[a]=1',
  'client_id=%00&email=%00',
  'client_id=%ff%fe&email=%c3%28',
  'a%5Bb%5D%5Bc%5D=1',
  Uint8Array.from([0x61, 0x3d, 0xc3, 0x28, 0x00]),
  `token=${'z'.repeat(3_000_000)}`,
  Array.from({ length: 3_000 }, (_, index) => `k${index}=v`).join('&'),
]

const send = async (operation: Operation, path: string, init: RequestInit): Promise<void> => {
  const response = await fetch(`${system.base}${path}`, {
    redirect: 'manual',
    ...init,
    method: operation.method,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  })
  const text = await response.text()
  const where = `${operation.method} ${path.slice(0, 200)} -> ${response.status} ${text.slice(0, 300)}`
  if (response.status >= 500 && response.status !== 503) throw new Error(`server error: ${where}`)
  if (response.status < 400) return
  const type = response.headers.get('content-type') ?? ''
  if (operation.oauth && type.startsWith('application/json')) {
    // RFC 6749 section 5.2.
    const failure = JSON.parse(text) as { error?: unknown }
    if (typeof failure.error !== 'string' || !/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(failure.error)) throw new Error(`no OAuth error: ${where}`)
    return
  }
  if (type.startsWith('text/html') && operation.answers[response.status]?.includes('text/html')) return
  if (!type.startsWith('application/problem+json')) throw new Error(`no problem+json but ${type}: ${where}`)
  const problem = JSON.parse(text) as { code: string; status: number; title: string; detail: string }
  if (!codes.has(problem.code)) throw new Error(`code not in the closed list: ${where}`)
  if (problem.status !== response.status) throw new Error(`status differs: ${where}`)
  if (text.includes(long)) throw new Error(`echoes the input: ${operation.method} ${operation.path}`)
}

const fill = (operation: Operation, value: (name: string) => string): string =>
  operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(value(name)))
const normal = (operation: Operation): string => fill(operation, () => `x${randomInt(1e9)}`)

/** Operations that would end the very session that the test runs with are not special: the operator is a machine client. */
const everyOperation = async (attack: (operation: Operation) => Promise<void>): Promise<void> => {
  const failures: string[] = []
  for (const operation of operations) await attack(operation).catch((error: Error) => failures.push(error.message))
  expect(failures).toEqual([])
}

test('the document lists operations of every service', () => {
  const prefixes = new Set(operations.map((operation) => /^\/api\/v1\/(\w+)/.exec(operation.path)?.[1]).filter(Boolean))
  for (const service of ['identity', 'admin', 'authorization', 'profiles', 'audit', 'analytics']) expect(prefixes).toContain(service)
  expect(operations.length).toBeGreaterThan(50)
})

test(
  'bodies that are no JSON object of the right shape are refused',
  () =>
    everyOperation(async (operation) => {
      if (!operation.bodySchema) return
      for (const [, body, type] of brokenBodies)
        await send(operation, normal(operation), { body: body as BodyInit, headers: { 'content-type': type ?? 'application/json' } })
      if (operation.bodyType !== form) return
      for (const path of [normal(operation), normal(operation).replace(/^\/t\/[^/]+/, '/t/main')])
        for (const body of brokenForms) await send(operation, path, { body: body as BodyInit, headers: { 'content-type': form } })
    }),
  120_000,
)

test(
  'every property takes wrong types, too long texts and missing values without breaking',
  () =>
    everyOperation(async (operation) => {
      const names = Object.keys(operation.bodySchema?.properties ?? {})
      if (!operation.bodySchema) return
      const paths = new Set([normal(operation), normal(operation).replace(/^\/t\/[^/]+/, '/t/main')].slice(operation.path.startsWith('/t/') ? 0 : 1))
      for (const path of paths) {
        for (const name of names) for (const value of wrongValues) await send(operation, path, bodyOf(operation, { [name]: value }))
        await send(operation, path, bodyOf(operation, { notKnown: 1 }))
        // JSON reaches the handler of a form with values that a form cannot have.
        if (operation.bodyType === form) {
          const headers = { 'content-type': 'application/json' }
          for (const name of names) for (const value of wrongValues) await send(operation, path, { body: JSON.stringify({ [name]: value }), headers })
        }
        for (const value of wrongValues) await send(operation, path, bodyOf(operation, Object.fromEntries(names.map((name) => [name, value]))))
      }
    }),
  180_000,
)

test(
  'parameters in path, query and headers take anything without breaking',
  () =>
    everyOperation(async (operation) => {
      const init: RequestInit = operation.bodySchema ? bodyOf(operation, {}) : {}
      const texts = ['', '\u0000', '%00', '__proto__', 'a'.repeat(3000), '..', '../..', '💥', '-1', '1e309', '{"$gt":""}', 'x'.repeat(500)]
      for (const text of texts) {
        if (operation.path.includes('{'))
          await send(
            operation,
            fill(operation, () => text || ' '),
            init,
          )
        for (const name of operation.query) {
          const query = new URLSearchParams({ [name]: text })
          await send(operation, `${normal(operation)}?${query}`, init)
          if (operation.path.startsWith('/t/')) await send(operation, `${normal(operation).replace(/^\/t\/[^/]+/, '/t/main')}?${query}`, init)
        }
      }
      for (const query of ['?a[b]=1', '?__proto__[x]=1', '?limit=1&limit=2', '?%ff%fe', '?cursor=AAAA', '?=', '?&&&', `?x=${'y'.repeat(4000)}`]) {
        await send(operation, `${normal(operation)}${query}`, init)
      }
      await send(operation, normal(operation), {
        ...init,
        headers: { ...init.headers, 'if-match': 'nonsense', 'idempotency-key': 'k'.repeat(5000), 'pavan-wait-for': 'identity:0:99999999999999999999' },
      })
      await send(operation, normal(operation), { ...init, headers: { ...init.headers, authorization: 'Bearer a.b.c' } })
    }),
  180_000,
)
