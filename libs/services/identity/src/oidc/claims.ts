/** Standard claims (OpenID Connect Core section 5.1) and the scopes that ask for them (section 5.4). */
import type { Account } from './account-source.js'

export const claimsByScope = {
  openid: ['sub', 'amr', 'auth_time'],
  email: ['email', 'email_verified'],
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  phone: ['phone_number'],
  address: ['address'],
} as const

/** Whether a scope (space-separated) asks for more than who it is. */
export const asksForClaims = (scope: string): boolean => scope.split(' ').some((name) => name !== 'openid' && Object.hasOwn(claimsByScope, name))

/** Names that profiles use for the same thing. */
const aliases: Readonly<Record<string, string>> = { phone: 'phone_number', date_of_birth: 'birthdate', language: 'locale', time_zone: 'zoneinfo' }

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** What identity itself vouches for is never taken from a profile. */
const vouched = new Set<string>([...claimsByScope.openid, ...claimsByScope.email, 'updated_at'])

const standard = new Set<string>(
  Object.values(claimsByScope)
    .flat()
    .filter((claim) => !vouched.has(claim)),
)

/** Attributes of a profile that are standard claims, by the claim's name. */
export const claimsOfProfile = (values: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const claims: Record<string, unknown> = {}
  for (const [attribute, value] of Object.entries(values)) {
    const name = aliases[snake(attribute)] ?? snake(attribute)
    if (!standard.has(name)) continue
    claims[name] = name === 'address' && typeof value === 'string' ? { formatted: value } : value
  }
  return claims
}

export const claimsOf = (account: Account, profile: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const claims: Record<string, unknown> = { ...claimsOfProfile(profile), sub: account.user }
  const set = (name: string, value: unknown) => value !== undefined && (claims[name] ??= value)
  set('name', account.name)
  set('locale', account.locale)
  set('email', account.email)
  if (account.email !== undefined) claims.email_verified = account.emailVerified
  if (account.updatedAt !== undefined) claims.updated_at = Math.floor(account.updatedAt / 1000)
  return claims
}
