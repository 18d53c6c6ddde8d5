/** The limit of the token benchmarks: oidc-provider as it comes, with its state in memory, without events, audit, gateway or tenants. */
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'

/** Plain maps: the fastest store there is, and one that keeps 100,000 grants (the library's own example store keeps 1,000). */
const entries = new Map()
const byGrant = new Map()
export const put = (key, value) => entries.set(key, value)

class MapAdapter {
  constructor(model) {
    this.model = model
  }
  key(id) {
    return `${this.model}:${id}`
  }
  async upsert(id, payload) {
    entries.set(this.key(id), payload)
    if (payload.grantId && this.model !== 'Grant') {
      const list = byGrant.get(payload.grantId)
      if (list) list.push(this.key(id))
      else byGrant.set(payload.grantId, [this.key(id)])
    }
    if (payload.uid) entries.set(`uid:${payload.uid}`, id)
  }
  async find(id) {
    return entries.get(this.key(id))
  }
  async findByUid(uid) {
    const id = entries.get(`uid:${uid}`)
    return id && entries.get(this.key(id))
  }
  async consume(id) {
    entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000)
  }
  async destroy(id) {
    entries.delete(this.key(id))
  }
  async revokeByGrantId(grantId) {
    for (const key of byGrant.get(grantId) ?? []) entries.delete(key)
    byGrant.delete(grantId)
  }
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const jwk = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'ES256', kid: 'bench' }
const server = createServer()
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  adapter: MapAdapter,
  jwks: { keys: [jwk] },
  cookies: { keys: ['bench-cookie-key'] },
  clients: [
    {
      client_id: 'machine',
      client_secret: 'a-secret-of-forty-characters-for-the-bench',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
    {
      client_id: 'web',
      client_secret: 'a-secret-of-forty-characters-for-the-bench',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  scopes: ['openid', 'offline_access', 'email', 'profile'],
  findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => `${issuer}/api`,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: '', audience: `${issuer}/api`, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  ttl: { AccessToken: 600, ClientCredentials: 600, IdToken: 600, RefreshToken: 14 * 86_400, Grant: 14 * 86_400, Session: 86_400, Interaction: 600 },
})

/** Live grants with a refresh token each, made by the provider's own models. The tokens go out over IPC, 1,000 at a time. */
const seed = async (count) => {
  const client = await provider.Client.find('web')
  let tokens = []
  for (let index = 0; index < count; index++) {
    const grant = new provider.Grant({ accountId: `user-${index}`, clientId: 'web' })
    grant.addOIDCScope('openid offline_access')
    grant.addResourceScope(`${issuer}/api`, '')
    const grantId = await grant.save()
    const token = new provider.RefreshToken({
      accountId: `user-${index}`,
      client,
      grantId,
      gty: 'authorization_code',
      scope: 'openid offline_access',
      authTime: Math.floor(Date.now() / 1000),
      rotations: 0,
      iiat: Math.floor(Date.now() / 1000),
      resource: `${issuer}/api`,
    })
    tokens.push(await token.save())
    if (tokens.length === 1000 || index === count - 1) {
      process.stdout.write(`tokens ${tokens.join(' ')}\n`)
      tokens = []
    }
  }
}
if (process.env.SEED_GRANTS) await seed(Number(process.env.SEED_GRANTS))

server.on('request', provider.callback())
process.stdout.write(`ready ${issuer}\n`)
process.once('SIGTERM', () => process.exit(0))
