import { RefusalError, SystemClock } from '@pavan/kernel'
import { sqliteAdapters } from '@pavan/sqlite'
import { notesService } from '../testing/notes-service.js'
import { ServiceUnderTest, user } from '../testing/service-under-test.js'
import { etagOf, parseIfMatch } from './etag.js'

describe('If-Match (RFC 9110 section 13.1.1)', () => {
  it('names the version that the ETag named', () => {
    for (const version of [0, 1, 42, 999_999_999_999_999]) expect(parseIfMatch(etagOf(version))).toBe(version)
    expect(parseIfMatch(' "7" ')).toBe(7)
  })

  it('may be absent or mean any version', () => {
    expect([parseIfMatch(undefined), parseIfMatch('*'), parseIfMatch(' * ')]).toEqual([undefined, undefined, undefined])
  })

  it.each(['7', 'W/"7"', '"7', '"-1"', '"1.5"', '"1e3"', '"0x1"', '"1", "2"', '""', '"1234567890123456"', 'abc'])('is refused as %s', (header) => {
    expect(() => parseIfMatch(header)).toThrow(RefusalError)
  })
})

describe('over HTTP', () => {
  let service: ServiceUnderTest
  let id: string
  const ada = user('ten_a', 'usr_ada')
  beforeAll(async () => {
    service = await ServiceUnderTest.start(notesService, sqliteAdapters({ folder: ':memory:', clock: new SystemClock(), claimKey: new Uint8Array(32) }))
    const made = await service.call('POST', '/api/v1/notes', { as: ada, body: { title: 'A', text: 'a' } })
    expect(made.headers.get('etag')).toBe('"1"')
    id = made.body.id
  })
  afterAll(() => service.close())
  const rename = (title: string, headers: Record<string, string>) => service.call('PUT', `/api/v1/notes/${id}`, { as: ada, body: { title }, headers })

  it('a write without it is refused with 428, with a malformed one with 400, with a stale one with 412', async () => {
    expect(await rename('B', {})).toMatchObject({ status: 428, body: { code: 'request.version.required' } })
    expect(await rename('B', { 'if-match': 'W/"1"' })).toMatchObject({
      status: 400,
      body: { code: 'request.parameter.invalid', errors: [{ pointer: 'If-Match' }] },
    })
    expect(await rename('B', { 'if-match': '"9"' })).toMatchObject({ status: 412, body: { code: 'request.version.conflict' } })
  })

  it('of 20 writers that saw the same version exactly one wins', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => rename(`Title ${n}`, { 'if-match': '"1"' })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(412)])
    expect(answers.find(({ status }) => status === 200)?.headers.get('etag')).toBe('"2"')
  })

  it('any version will do for *', async () => {
    expect((await rename('Whatever', { 'if-match': '*' })).status).toBe(200)
  })
})
