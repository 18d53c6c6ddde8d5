import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { appConfig } from './app-config.js'
import { readConfig } from './service-config.js'
import { StartError } from './start-error.js'

const read = (env: Record<string, string>) => readConfig(appConfig, env)
const failure = (env: Record<string, string>): StartError => {
  try {
    read(env)
  } catch (error) {
    if (error instanceof StartError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}
const key = randomBytes(32)

describe('the configuration', () => {
  it('has defaults for everything', () => {
    expect(read({})).toEqual({
      PORT: 8080,
      HOST: '127.0.0.1',
      PAVAN_DATA: './data',
      PAVAN_SERVICES: [],
      PAVAN_KEK_FORMER: [],
      PAVAN_TRUST_PROXY: 0,
      LOG_LEVEL: 'info',
    })
  })

  it('takes what is set; an empty variable counts as not set, an unknown one is not looked at', () => {
    const former = [randomBytes(32), randomBytes(32)]
    const env = {
      PORT: '0',
      PAVAN_URL: 'https://id.example/',
      PAVAN_KEK: key.toString('base64'),
      PAVAN_KEK_FORMER: former.map((one) => one.toString('base64')).join(','),
      LOG_LEVEL: '',
      SOMETHING: 'else',
    }
    const config = read(env)
    expect(config).toMatchObject({ PORT: 0, PAVAN_URL: 'https://id.example', LOG_LEVEL: 'info' })
    expect(Buffer.from(config.PAVAN_KEK as Uint8Array)).toEqual(key)
    expect(config.PAVAN_KEK_FORMER.map((one) => Buffer.from(one))).toEqual(former)
    expect(config).not.toHaveProperty('SOMETHING')
  })

  it.each([
    ['PORT', 'eighty'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PAVAN_URL', 'id.example'],
    ['PAVAN_URL', 'ftp://id.example'],
    ['PAVAN_KEK', 'c2hvcnQ='],
    ['PAVAN_KEK_FORMER', `${key.toString('base64')},c2hvcnQ=`],
    ['PAVAN_TRUST_PROXY', 'yes'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'xml'],
  ])('says what is wrong with %s=%s in one sentence, without the value, and what to do', (name, value) => {
    const error = failure({ [name]: value })
    expect(error.message).toMatch(new RegExp(`^${name} is not usable: .+\\.$`))
    expect(error.message.split('\n')).toHaveLength(1)
    expect(error.remedy).toBe(`Correct the environment variable ${name} and start again.`)
    expect(`${error.message} ${error.remedy}`).not.toContain(value)
  })

  it('says of a variable that is missing that it is not set', () => {
    const needed = z.object({ MONGODB_URL: z.string(), PAVAN_CLAIM_KEY: z.string() })
    expect(() => readConfig(needed, { MONGODB_URL: '' })).toThrow(
      expect.objectContaining({
        message: 'MONGODB_URL is not set.\nPAVAN_CLAIM_KEY is not set.',
        remedy: 'Set the environment variables MONGODB_URL, PAVAN_CLAIM_KEY and start again.',
      }),
    )
  })

  it('says it for every wrong variable at once', () => {
    const error = failure({ PORT: 'eighty', LOG_LEVEL: 'loud', PAVAN_TRUST_PROXY: '99', HOST: '0.0.0.0' })
    expect(error.message.split('\n').map((line) => line.split(' ')[0])).toEqual(['PORT', 'PAVAN_TRUST_PROXY', 'LOG_LEVEL'])
    expect(error.remedy).toBe('Correct the environment variables PORT, PAVAN_TRUST_PROXY, LOG_LEVEL and start again.')
  })

  it('reads where the copies of each service are', () => {
    expect(read({ PAVAN_SERVICES: 'identity=http://a:1|http://b:2,admin=http://c:3' }).PAVAN_SERVICES).toEqual([
      { name: 'identity', urls: ['http://a:1', 'http://b:2'] },
      { name: 'admin', urls: ['http://c:3'] },
    ])
    for (const wrong of ['identity', 'identity=', 'identity=a:1', 'identity=http://a|b'])
      expect(() => read({ PAVAN_SERVICES: wrong })).toThrow('PAVAN_SERVICES is not usable: must be name=url|url,name=url.')
  })
})
