/**
 * The key pairs that sign a tenant's tokens. Exactly one signs at any time. Rotation publishes the new key first, so that
 * verifiers have it when it begins to sign, and keeps the old one published until its last token has expired.
 */
import { refuse, type Decider } from '@pavan/kernel'
import { signingKeyCreated, signingKeyRetired, type EventOf } from '@pavan/contracts'

export type Jwk = Readonly<Record<string, unknown>>

export interface NewKey {
  readonly kid: string
  readonly alg: string
  /** Public part (RFC 7517). */
  readonly jwk: Jwk
  readonly privateJwk: Jwk
}

/** Times are milliseconds since 1970. */
export type SigningKeysCommand =
  | { readonly type: 'ensure'; readonly key: NewKey; readonly now: number }
  | { readonly type: 'rotate'; readonly key: NewKey; readonly now: number; readonly activeFrom: number; readonly verifiedUntil: number }

export type SigningKeysEvent = EventOf<typeof signingKeyCreated> | EventOf<typeof signingKeyRetired>

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly jwk: Jwk
  readonly privateJwk: Jwk | undefined
  readonly activeFrom: number
  readonly verifiedUntil: number | undefined
}

export interface SigningKeysState {
  readonly keys: readonly SigningKey[]
}

const created = ({ kid, alg, jwk, privateJwk }: NewKey, activeFrom: number): SigningKeysEvent =>
  signingKeyCreated.of({ data: { kid, alg, jwk, activeFrom }, secret: { jwk: privateJwk } })

export const signingKeys: Decider<SigningKeysCommand, SigningKeysEvent, SigningKeysState> = {
  category: 'signing-key',
  initial: { keys: [] },

  decide(command, { keys }) {
    switch (command.type) {
      case 'ensure':
        return keys.length > 0 ? [] : [created(command.key, command.now)]
      case 'rotate': {
        const { key, now, activeFrom, verifiedUntil } = command
        if (keys.some((known) => known.activeFrom > now)) return refuse('identity.signing-key.rotating')
        const retired = keys.filter((known) => known.verifiedUntil === undefined)
        return [created(key, activeFrom), ...retired.map(({ kid }) => signingKeyRetired.of({ data: { kid, verifiedUntil } }))]
      }
    }
  },

  evolve({ keys }, event) {
    switch (event.type) {
      case 'signing-key.created': {
        const { kid, alg, jwk, activeFrom } = event.data
        return { keys: [...keys, { kid, alg, jwk, activeFrom, privateJwk: event.secret?.jwk, verifiedUntil: undefined }] }
      }
      case 'signing-key.retired': {
        const { kid, verifiedUntil } = event.data
        return { keys: keys.map((key) => (key.kid === kid ? { ...key, verifiedUntil } : key)) }
      }
    }
  },
}

/** Keys that may verify now, the one that signs first. */
export const keysAt = ({ keys }: SigningKeysState, now: number): readonly SigningKey[] => {
  const published = keys.filter(({ verifiedUntil }) => verifiedUntil === undefined || verifiedUntil > now)
  const signing = published.filter(({ activeFrom }) => activeFrom <= now).sort((a, b) => b.activeFrom - a.activeFrom)[0]
  return signing ? [signing, ...published.filter((key) => key !== signing)] : published
}

/** When the answer of `keysAt` changes next; `undefined` when it does not. */
export const nextChange = ({ keys }: SigningKeysState, now: number): number | undefined =>
  keys
    .flatMap(({ activeFrom, verifiedUntil }) => [activeFrom, verifiedUntil])
    .filter((time): time is number => time !== undefined && time > now)
    .sort((a, b) => a - b)[0]
