/** How often one address, tenant or client may ask within a minute. */
import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import type { GatewayConfig } from './gateway.config.js'

const window = 60

/** Seconds to wait, or 0 when there is room. */
type Verdict = number

/** An IPv6 customer has a whole /64 (RFC 6177), so that is what is counted, however the address is written (RFC 4291 section 2.2). */
const networkOf = (address: string): string => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || isIP(address) !== 6) return mapped ?? address
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter(Boolean))
  const groups = [...left, ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

const loopback = (address: string): boolean => address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')

export class RateLimits {
  /** Memory holds no address: keys are HMACs under a key that lives as long as the process. */
  readonly #secret = createSecretKey(randomBytes(32))
  readonly #address: RateLimiterMemory | undefined
  readonly #tenant: RateLimiterMemory | undefined
  readonly #client: RateLimiterMemory | undefined

  constructor(config: Pick<GatewayConfig, 'PAVAN_RATE_LIMITS' | 'PAVAN_RATE_ADDRESS' | 'PAVAN_RATE_TENANT' | 'PAVAN_RATE_CLIENT'>) {
    const limiter = (points: number) => (config.PAVAN_RATE_LIMITS === 'on' && points > 0 ? new RateLimiterMemory({ points, duration: window }) : undefined)
    this.#address = limiter(config.PAVAN_RATE_ADDRESS)
    this.#tenant = limiter(config.PAVAN_RATE_TENANT)
    this.#client = limiter(config.PAVAN_RATE_CLIENT)
  }

  /** Whether anything is limited at all. */
  get any(): boolean {
    return Boolean(this.#address ?? this.#tenant ?? this.#client)
  }

  async address(address: string): Promise<Verdict> {
    if (!this.#address || loopback(address)) return 0
    return this.#take(this.#address, createHmac('sha256', this.#secret).update(networkOf(address)).digest('base64url'))
  }

  /** Tenant and client of a verified token; an id is no personal value. */
  async caller(tenant: string, client: string | undefined): Promise<Verdict> {
    const wait = await this.#take(this.#tenant, tenant)
    return wait || !client ? wait : this.#take(this.#client, `${tenant}/${client}`)
  }

  /** A tenant named by the path of its issuer. */
  async slug(slug: string): Promise<Verdict> {
    return this.#take(this.#tenant, `/t/${slug}`)
  }

  async #take(limiter: RateLimiterMemory | undefined, key: string): Promise<Verdict> {
    if (!limiter) return 0
    try {
      await limiter.consume(key)
      return 0
    } catch (rejected) {
      return Math.max(1, Math.ceil((rejected as RateLimiterRes).msBeforeNext / 1000))
    }
  }
}
