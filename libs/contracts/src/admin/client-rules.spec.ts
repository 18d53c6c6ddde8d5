import { clientIssues } from './client-rules.js'
import { clientSettings } from './settings.js'

const web = { name: 'Shop', kind: 'web', grantTypes: ['authorization_code', 'refresh_token'], redirectUris: ['https://shop.example/callback'] }
const issues = (more: object) => clientIssues(clientSettings.parse({ ...web, ...more })).map(({ path, message }) => `${path.join('.')} ${message}`)

describe('the rules of client settings', () => {
  it('let each kind be what it is', () => {
    expect(issues({})).toEqual([])
    expect(issues({ kind: 'spa', allowedOrigins: ['https://shop.example', 'http://localhost:5173'] })).toEqual([])
    expect(issues({ kind: 'native', redirectUris: ['com.example.app:/callback', 'http://127.0.0.1/callback', 'https://app.example/back'] })).toEqual([])
    expect(issues({ kind: 'machine', grantTypes: ['client_credentials'], redirectUris: [] })).toEqual([])
    expect(issues({ grantTypes: ['authorization_code', 'client_credentials'] })).toEqual([])
  })

  it.each([
    'http://shop.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'myapp://cb',
    'https://*.example/cb',
    'https://me:pw@shop.example/cb',
    'com.example.app:/cb',
  ])('refuse %s as redirect URI of a web client', (uri) => {
    expect(issues({ redirectUris: [uri] })).toEqual([expect.stringMatching(/^redirectUris\.0 must/)])
  })

  it.each(['javascript:alert(1)', 'myapp://cb', 'http://app.example/cb', 'http://127.0.0.1.evil.example/cb'])(
    'refuse %s as redirect URI of a native client',
    (uri) => {
      expect(issues({ kind: 'native', redirectUris: [uri] })).toHaveLength(1)
    },
  )

  it('refuse client credentials to public clients and browsers to machines', () => {
    expect(issues({ kind: 'spa', grantTypes: ['authorization_code', 'client_credentials'] })).toEqual([
      'grantTypes a public client cannot have client_credentials',
    ])
    expect(issues({ kind: 'machine' })).toEqual([
      'grantTypes a machine client has client_credentials and nothing else',
      'redirectUris a machine client has no browser and no pages',
    ])
  })

  it('refuse a web client without redirect URI, and refresh tokens without a code', () => {
    expect(issues({ redirectUris: [] })).toEqual(['redirectUris must name at least one redirect URI'])
    expect(issues({ grantTypes: ['refresh_token'] })).toEqual(['grantTypes refresh_token needs authorization_code', 'grantTypes must have authorization_code'])
  })

  it('take origins only, and a back channel only for a server', () => {
    expect(issues({ allowedOrigins: ['https://shop.example/app'] })).toHaveLength(1)
    expect(issues({ kind: 'spa', backchannelLogoutUri: 'https://shop.example/out' })).toHaveLength(1)
    expect(issues({ backchannelLogoutUri: 'http://shop.example/out' })).toHaveLength(1)
  })

  it('take public keys of clients that can keep the private one, and no private key', () => {
    const key = { kty: 'EC', crv: 'P-256', x: 'x'.repeat(43), y: 'y'.repeat(43), kid: 'one' }
    expect(issues({ publicKeys: [key, { ...key, kid: 'two' }] })).toEqual([])
    expect(issues({ publicKeys: [key, key] })).toEqual(['publicKeys must not repeat a kid'])
    expect(issues({ kind: 'spa', publicKeys: [key] })).toEqual(['publicKeys a public client cannot keep a private key'])
    expect(() => issues({ publicKeys: [{ ...key, d: 'd'.repeat(43) }] })).toThrow('d')
  })
})
