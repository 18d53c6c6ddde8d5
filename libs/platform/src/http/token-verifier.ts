/**
 * Verifies access tokens (RFC 9068) with the keys that identity published by events.
 * passport-jwt does the verification; this says which key, and what the claims must be.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { ShortWait } from '../service/short-wait.js'
import type { CallerIdentity } from './caller.js'

/** The public keys of every tenant, kept by the view `signing-keys`. */
export abstract class SigningKeys {
  /** The key of a tenant, unless it is unknown or past its overlap. */
  abstract find(tenant: string, kid: string): { readonly jwk: JsonWebKey; readonly verifiedUntil?: number } | undefined
  /** Issuer of the tenant: `<base>/t/<slug>`. */
  abstract issuer(tenant: string): string | undefined
  /** Called when a key came or went. */
  abstract onChange(listener: () => void): void
}

export interface VerifierOptions {
  /** Resource indicator of the management API (RFC 8707): `<base>/api`. */
  readonly audience: string
}

interface Claims {
  readonly iss: string
  readonly sub: string
  readonly exp: number
  readonly tenant: string
  readonly client_id?: string
  readonly scope?: string
  readonly sid?: string
  readonly jti?: string
}

interface Verified {
  readonly caller: CallerIdentity
  /** Milliseconds since 1970. */
  readonly until: number
}

/** Which key a token says that it is signed by. */
interface Named {
  readonly tenant: string
  readonly kid: string
}

/** Tokens that were verified and are still good, so that a busy client costs one signature check for each token. */
const remembered = 20_000

const bearer = ExtractJwt.fromAuthHeaderAsBearerToken()

const decode = (part: string | undefined): Record<string, unknown> | undefined => {
  try {
    return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const keyNamedIn = (token: string): Named | undefined => {
  const [first, second] = token.split('.')
  const header = decode(first)
  const tenant = decode(second)?.tenant
  // RFC 9068 section 4: the type keeps ID tokens and logout tokens out.
  if (!header || !/^(application\/)?at\+jwt$/i.test(String(header.typ)) || typeof header.kid !== 'string' || typeof tenant !== 'string') return undefined
  return { tenant, kid: header.kid }
}

@Injectable()
export class TokenVerifier {
  readonly #known = new Map<string, Verified>()
  readonly #keys = new Map<string, KeyObject>()
  readonly #strategy: Strategy
  /** A token may be here before its key. */
  readonly #keysToCome = new ShortWait()

  constructor(
    private readonly signingKeys: SigningKeys,
    private readonly clock: Clock,
    options: VerifierOptions,
  ) {
    signingKeys.onChange(() => {
      this.#known.clear()
      this.#keys.clear()
      this.#keysToCome.came()
    })
    this.#strategy = new Strategy(
      {
        jwtFromRequest: bearer,
        algorithms: ['ES256'],
        audience: options.audience,
        secretOrKeyProvider: (_request: unknown, token: string, done: (error: Error | null, key?: KeyObject) => void) => {
          const key = this.#keyOf(token)
          done(key ? null : new Error('no key'), key)
        },
      } as unknown as ConstructorParameters<typeof Strategy>[0],
      (claims: Claims, done: (error: null, caller: CallerIdentity | false) => void) => done(null, this.#judge(claims)),
    )
  }

  /** The caller, or `undefined` when the token is not accepted, for whatever reason. */
  async verify(authorization: string): Promise<CallerIdentity | undefined> {
    const known = this.#known.get(authorization)
    if (known) {
      if (known.until > this.clock.now()) return known.caller
      this.#known.delete(authorization)
      return undefined
    }
    const token = bearer({ headers: { authorization } } as never)
    const named = token ? keyNamedIn(token) : undefined
    if (named) await this.#keysToCome.find(() => this.#isHere(named) || undefined)
    const caller = named ? await this.#run(authorization) : undefined
    const claims = caller && token ? decode(token.split('.')[1]) : undefined
    if (caller && token && claims) this.#remember(authorization, { caller, until: Math.min(Number(claims.exp) * 1000, this.#lastUseOf(token, caller.tenant)) })
    return caller
  }

  #isHere({ tenant, kid }: Named): boolean {
    return this.signingKeys.find(tenant, kid) !== undefined && this.signingKeys.issuer(tenant) !== undefined
  }

  /** A passport strategy reports by methods that its caller puts on it; `passport.authenticate` does the same. */
  #run(authorization: string): Promise<CallerIdentity | undefined> {
    return new Promise((resolve) => {
      const attempt = Object.create(this.#strategy) as Strategy & Record<string, unknown>
      attempt.success = (caller: CallerIdentity) => resolve(caller)
      attempt.fail = () => resolve(undefined)
      attempt.error = () => resolve(undefined)
      attempt.authenticate({ headers: { authorization } } as never)
    })
  }

  #keyOf(token: string): KeyObject | undefined {
    const named = keyNamedIn(token)
    const found = named && this.signingKeys.find(named.tenant, named.kid)
    if (!found || (found.verifiedUntil !== undefined && found.verifiedUntil <= this.clock.now())) return undefined
    const name = `${named.tenant}/${named.kid}`
    let key = this.#keys.get(name)
    if (!key) this.#keys.set(name, (key = createPublicKey({ key: found.jwk, format: 'jwk' })))
    return key
  }

  /** Milliseconds since 1970 after which the key of a token verifies no more. */
  #lastUseOf(token: string, tenant: string): number {
    return this.signingKeys.find(tenant, String(decode(token.split('.')[0])?.kid))?.verifiedUntil ?? Infinity
  }

  #judge(claims: Claims): CallerIdentity | false {
    const client = claims.client_id
    if (typeof claims.sub !== 'string' || typeof claims.exp !== 'number' || typeof claims.iss !== 'string') return false
    if (claims.iss !== this.signingKeys.issuer(claims.tenant)) return false
    return {
      tenant: claims.tenant,
      subject: { type: claims.sub === client ? 'client' : 'user', id: claims.sub },
      client,
      session: claims.sid,
      scopes: claims.scope ? claims.scope.split(' ') : [],
      jti: claims.jti,
    }
  }

  #remember(authorization: string, verified: Verified): void {
    if (this.#known.size >= remembered) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(authorization, verified)
  }
}
