import { makeLog } from './log.js'

const lines: string[] = []
const log = makeLog({ level: 'debug', format: 'json', destination: { write: (line: string) => void lines.push(line) } })
const logged = (): Record<string, any> => JSON.parse(lines.at(-1) as string)
beforeEach(() => lines.splice(0))

describe('a line of the log', () => {
  it('is JSON with level, time in UTC, service, message and fields, and nothing of the machine', () => {
    log.child({ service: 'identity' }).info({ request_id: 'req_1', trace_id: 'abc' }, 'request')
    expect(logged()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'identity',
      request_id: 'req_1',
      trace_id: 'abc',
      message: 'request',
    })
  })

  it.each(['password', 'secret', 'token', 'code', 'email', 'name', 'phone', 'address', 'ip', 'authorization', 'cookie', 'personal', 'body', 'query'])(
    'never holds the field %s, on the top or one step below, nor bound to a child',
    (field) => {
      log.child({ [field]: 'ada@example.org' }).warn({ [field]: 'ada@example.org', user: { [field]: 'ada@example.org', id: 'usr_1' }, status: 200 }, 'x')
      expect(lines.join()).not.toContain('ada@example.org')
      expect(lines.join()).not.toContain(`"${field}"`)
      expect(logged()).toMatchObject({ user: { id: 'usr_1' }, status: 200 })
    },
  )

  it('tells of an error its type, text and stack, also of its cause, and nothing else that hangs on it', () => {
    const cause = Object.assign(new RangeError('too far'), { value: 'ada@example.org' })
    const error = Object.assign(new TypeError('cannot', { cause }), { input: 'ada@example.org', sql: "insert 'ada@example.org'" })
    log.error({ error }, 'failed')
    expect(logged().error).toEqual({
      type: 'TypeError',
      message: 'cannot',
      stack: expect.stringContaining('log.spec'),
      cause: { type: 'RangeError', message: 'too far', stack: expect.any(String) },
    })
    expect(lines.join()).not.toContain('ada@example.org')
  })

  it('tells of something thrown that is no error only what kind of thing it was', () => {
    for (const thrown of ['ada@example.org', { email: 'ada@example.org', mail: 'ada@example.org' }]) log.error({ error: thrown }, 'failed')
    expect(lines.join()).not.toContain('ada@example.org')
    expect(logged().error).toEqual({ type: 'object' })
  })

  it('is not written below the level', () => {
    log.trace({}, 'too much')
    log.debug({}, 'enough')
    expect(lines).toHaveLength(1)
  })
})
