/**
 * The one client for calls to addresses that somebody else chose (webhooks, back-channel logout). It refuses addresses that are not public,
 * judged at the very look-up whose answer is connected to, so that a name that resolves inwards, or changes meanwhile, does not get through.
 */
import { lookup, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { Agent, fetch as undiciFetch } from 'undici'

/** IANA special-purpose address registries (RFC 6890) and multicast: nothing of a stranger's lives there. */
const special: Readonly<Record<'ipv4' | 'ipv6', readonly string[]>> = {
  ipv4: [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.31.196.0/24',
    '192.52.193.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '192.175.48.0/24',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/3',
  ],
  ipv6: [
    '::/127',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '100:0:0:1::/64',
    '2001::/23',
    '2001:db8::/32',
    '2002::/16',
    '2620:4f:8000::/48',
    '3fff::/20',
    '5f00::/16',
    'fc00::/7',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ],
}

const refused = new BlockList()
for (const family of ['ipv4', 'ipv6'] as const)
  for (const range of special[family]) {
    const [address = '', bits] = range.split('/')
    refused.addSubnet(address, Number(bits), family)
  }

/** Whether an IP address is one of the public Internet. IPv4 within IPv6 is judged as IPv4. */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address)
  return family !== 0 && !refused.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

export class OutboundRefused extends Error {
  constructor() {
    super('the address is not a public one; name its host among those that may be called')
  }
}

const publicLookup: LookupFunction = (host, options, callback) =>
  lookup(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error) return callback(error, '', 0)
    const reachable = found.filter(({ address }) => isPublicAddress(address))
    const [first] = reachable
    if (!first) return callback(new OutboundRefused(), '', 0)
    if (options.all) callback(null, reachable)
    else callback(null, first.address, first.family)
  })

type Fetch = typeof undiciFetch

export class Outbound {
  #client: Promise<{ readonly fetch: Fetch; readonly guarded: Agent; readonly open: Agent }> | undefined

  /** `allowed`: host names and addresses that may be called wherever they are, as a URL spells them. */
  constructor(private readonly allowed: ReadonlySet<string>) {}

  /** As `fetch`, with `redirect: 'manual'` unless said otherwise: where a redirect leads is for the caller to judge. */
  async fetch(url: string, init: Parameters<Fetch>[1] = {}): ReturnType<Fetch> {
    const { hostname } = new URL(url)
    const open = this.allowed.has(hostname)
    const literal = hostname.replace(/^\[|\]$/g, '')
    // No look-up happens for an address, so it is judged here.
    if (!open && isIP(literal) !== 0 && !isPublicAddress(literal)) throw new OutboundRefused()
    const client = await (this.#client ??= connect())
    return client.fetch(url, { redirect: 'manual', ...init, dispatcher: open ? client.open : client.guarded })
  }
}

/** Loaded when the first call goes out: most installations make none. */
const connect = async () => {
  const { Agent: ClientAgent, fetch } = await import('undici')
  const limits = { keepAliveTimeout: 1_000, maxResponseSize: 1_048_576 }
  return { fetch, guarded: new ClientAgent({ ...limits, connect: { lookup: publicLookup } }), open: new ClientAgent(limits) }
}
