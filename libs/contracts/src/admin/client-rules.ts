/** What the settings of an OAuth client may say, kind by kind. Every rule names the field that breaks it. */
import type { ClientSettings } from './settings.js'

/** Path into the settings and what is wrong there. */
export interface ClientIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Loopback interface (RFC 8252 sections 7.3 and 8.3): traffic to it never leaves the device, so http is allowed. */
const isLoopback = (url: URL): boolean => ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)

const isWebSecure = (url: URL): boolean => url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))

/** A scheme of an app's own is a reversed domain name, so it has a dot: `com.example.app` (RFC 8252 section 7.1). */
const isPrivateUse = (url: URL): boolean => /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol)

const uriIssue = (kind: ClientSettings['kind'], value: string): string | undefined => {
  if (!URL.canParse(value)) return 'must be an absolute URI'
  const url = new URL(value)
  if (url.username || url.password) return 'must not carry a user name or password'
  // RFC 6749 section 3.1.2 and RFC 9700 section 2.1: exact matching, so no pattern and no fragment.
  if (value.includes('*')) return 'must not hold a wildcard: redirect URIs are compared exactly'
  if (value.includes('#')) return 'must not have a fragment'
  if (isWebSecure(url)) return undefined
  if (kind === 'native')
    return isPrivateUse(url) ? undefined : 'must be https, http on the loopback interface, or a private-use scheme such as com.example.app:/callback'
  return 'must be https, or http on the loopback interface'
}

const originIssue = (value: string): string | undefined => {
  if (!URL.canParse(value)) return 'must be an origin'
  const url = new URL(value)
  if (url.origin !== value) return 'must be an origin: scheme, host and port, without a path'
  return isWebSecure(url) ? undefined : 'must be https, or http on the loopback interface'
}

/** Everything that is wrong with the settings; empty when they may be used. */
export const clientIssues = (settings: ClientSettings): readonly ClientIssue[] => {
  const issues: ClientIssue[] = []
  const { kind, grantTypes } = settings
  const say = (message: string, ...path: (string | number)[]): void => void issues.push({ path, message })
  const each = (field: 'redirectUris' | 'postLogoutRedirectUris' | 'allowedOrigins', check: (value: string) => string | undefined): void =>
    settings[field].forEach((value, index) => {
      const message = check(value)
      if (message) say(message, field, index)
    })

  if (new Set(grantTypes).size !== grantTypes.length) say('must not repeat a grant type', 'grantTypes')
  each('redirectUris', (value) => uriIssue(kind, value))
  each('postLogoutRedirectUris', (value) => uriIssue(kind, value))
  each('allowedOrigins', originIssue)
  if (grantTypes.includes('refresh_token') && !grantTypes.includes('authorization_code')) say('refresh_token needs authorization_code', 'grantTypes')

  if (kind === 'machine') {
    if (grantTypes.length !== 1 || grantTypes[0] !== 'client_credentials') say('a machine client has client_credentials and nothing else', 'grantTypes')
    for (const field of ['redirectUris', 'postLogoutRedirectUris', 'allowedOrigins'] as const) {
      if (settings[field].length > 0) say('a machine client has no browser and no pages', field)
    }
  } else {
    if (!grantTypes.includes('authorization_code')) say('must have authorization_code', 'grantTypes')
    // A public client cannot keep a secret (RFC 6749 sections 2.1 and 4.4).
    if (kind !== 'web' && grantTypes.includes('client_credentials')) say('a public client cannot have client_credentials', 'grantTypes')
    if (settings.redirectUris.length === 0) say('must name at least one redirect URI', 'redirectUris')
  }
  if (settings.publicKeys !== undefined) {
    if (kind !== 'web' && kind !== 'machine') say('a public client cannot keep a private key', 'publicKeys')
    if (new Set(settings.publicKeys.map(({ kid }) => kid)).size !== settings.publicKeys.length) say('must not repeat a kid', 'publicKeys')
  }
  if (settings.backchannelLogoutUri !== undefined) {
    if (kind !== 'web') say('only a web client has a server that can be called back', 'backchannelLogoutUri')
    else if (!URL.canParse(settings.backchannelLogoutUri) || !isWebSecure(new URL(settings.backchannelLogoutUri)))
      say('must be https, or http on the loopback interface', 'backchannelLogoutUri')
  }
  return issues
}
