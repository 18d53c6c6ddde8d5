/** The secrets of one client: at most two are valid at once, so that a deployment can change from the old to the new without a gap. */
import { refuse, type Decider } from '@pavan/kernel'
import { clientSecretCreated, clientSecretRevoked, type EventOf } from '@pavan/contracts'

/** Secrets that may be valid at the same time. */
export const maxSecrets = 2

export type ClientCredentialsCommand =
  | {
      readonly type: 'create'
      readonly secretId: string
      /** Last characters of the secret, for people to tell secrets apart. */
      readonly hint: string
      /** SHA-256 of the secret, base64url. The secret has 256 random bits, so a slow hash would add nothing. */
      readonly sha256: string
      /** Milliseconds since 1970. */
      readonly expiresAt?: number
      readonly now: number
      /** Refuse when the client has ever had a secret: for the first secret that an operator hands over. */
      readonly onlyFirst?: boolean
    }
  | { readonly type: 'revoke'; readonly secretId: string }

export type ClientCredentialsEvent = EventOf<typeof clientSecretCreated> | EventOf<typeof clientSecretRevoked>

export interface ClientSecret {
  readonly id: string
  readonly hint: string
  readonly sha256: string
  readonly expiresAt: number | undefined
}

export interface ClientCredentialsState {
  /** Not revoked; expired ones are among them. */
  readonly secrets: readonly ClientSecret[]
  readonly ever: number
}

export const isValidAt = (secret: Pick<ClientSecret, 'expiresAt'>, now: number): boolean => secret.expiresAt === undefined || secret.expiresAt > now

export const clientCredentials: Decider<ClientCredentialsCommand, ClientCredentialsEvent, ClientCredentialsState> = {
  category: 'client-credentials',
  initial: { secrets: [], ever: 0 },

  decide(command, state) {
    switch (command.type) {
      case 'create': {
        const { secretId, hint, sha256, expiresAt, now } = command
        if (command.onlyFirst && state.ever > 0) return refuse('identity.client-secret.exists')
        if (expiresAt !== undefined && expiresAt <= now) return refuse('identity.client-secret.expired')
        if (state.secrets.filter((secret) => isValidAt(secret, now)).length >= maxSecrets) {
          return refuse('identity.client-secret.limit', { limit: maxSecrets })
        }
        return [clientSecretCreated.of({ data: { secretId, hint, expiresAt }, secret: { sha256 } })]
      }
      case 'revoke':
        return state.secrets.some(({ id }) => id === command.secretId)
          ? [clientSecretRevoked.of({ data: { secretId: command.secretId } })]
          : refuse('identity.client-secret.not-found')
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'client-secret.created': {
        const { secretId: id, hint, expiresAt } = event.data
        return { secrets: [...state.secrets, { id, hint, expiresAt, sha256: event.secret?.sha256 ?? '' }], ever: state.ever + 1 }
      }
      case 'client-secret.revoked':
        return { ...state, secrets: state.secrets.filter(({ id }) => id !== event.data.secretId) }
    }
  },
}
