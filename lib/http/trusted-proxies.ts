import { BlockList } from 'node:net'
import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { canonicalIp } from '../audit/ip-address.js'

/** Which proxies are believed when they say for whom they speak; made by `parseTrustProxy`. */
export interface TrustProxy {
  /** `'none'`: no header is looked at. `'all'`: whoever sends one is believed. `'list'`: those listed. */
  readonly kind: 'none' | 'all' | 'list'
  /** Whether the address is that of a trusted proxy. What is no address never is, but for `'all'`. */
  trusts(ip: string): boolean
}

const NAME = 'option trustProxy'
const EXPECTED = `false, 'all' or an array of addresses and networks ('10.0.0.0/8')`

/** How many answers are remembered: there are few proxies, and anybody's address is asked about. */
const REMEMBERED_MAX = 1024

/** The bits of an IPv6 address before an IPv4 address that is mapped into it. */
const MAPPED_BITS = 96

const NONE: TrustProxy = { kind: 'none', trusts: () => false }
const ALL: TrustProxy = { kind: 'all', trusts: () => true }

/**
 * Reads the option `trustProxy`: whose `X-Forwarded-For` and `X-Real-Ip` are believed.
 *
 * @param value `false`, the default, for nobody's; `'all'` for everybody's; or an array of addresses
 *   and networks in CIDR notation. `::ffff:10.0.0.0/104` is the same as `10.0.0.0/8`; any other IPv6
 *   network holds no IPv4 address. Bits of a network behind its prefix do not count.
 * @throws TypeError or RangeError naming the option, what was expected and what came.
 */
export function parseTrustProxy(value: unknown): TrustProxy {
  if (value === undefined || value === false) return NONE
  if (value === 'all') return ALL
  if (typeof value === 'string') throw outOfRange(NAME, EXPECTED, value)
  if (!Array.isArray(value)) throw wrongType(NAME, EXPECTED, value)
  return new ProxyList(value)
}

class ProxyList implements TrustProxy {
  readonly kind = 'list'
  readonly #ipv4 = new BlockList()
  readonly #ipv6 = new BlockList()
  readonly #remembered = new Map<string, boolean>()

  constructor(entries: readonly unknown[]) {
    for (const entry of entries) this.#add(entry)
  }

  trusts(ip: string): boolean {
    const known = this.#remembered.get(ip)
    if (known !== undefined) return known
    const canonical = canonicalIp(ip)
    if (canonical === undefined) return false
    const trusted = canonical.includes(':')
      ? this.#ipv6.check(canonical, 'ipv6')
      : this.#ipv4.check(canonical, 'ipv4')
    if (this.#remembered.size === REMEMBERED_MAX) this.#remembered.clear()
    this.#remembered.set(ip, trusted)
    return trusted
  }

  #add(entry: unknown): void {
    const name = `an element of ${NAME}`
    const expected = `an address or a network ('10.0.0.0/8')`
    if (typeof entry !== 'string') throw wrongType(name, expected, entry)
    const network = parseNetwork(entry)
    if (network === undefined) throw outOfRange(name, expected, entry)
    const { ip, bits } = network
    if (ip.includes(':')) this.#ipv6.addSubnet(ip, bits, 'ipv6')
    else this.#ipv4.addSubnet(ip, bits, 'ipv4')
  }
}

/** Reads an address or a network; one of mapped addresses becomes that of the IPv4 addresses. */
function parseNetwork(text: string): { ip: string; bits: number } | undefined {
  const [address = '', prefix, ...more] = text.split('/')
  const ip = canonicalIp(address)
  if (ip === undefined || more.length > 0) return undefined
  if (prefix !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefix)) return undefined
  const writtenMax = address.includes(':') ? 128 : 32
  const written = prefix === undefined ? writtenMax : Number(prefix)
  if (written > writtenMax) return undefined
  const isMapped = address.includes(':') && !ip.includes(':')
  if (!isMapped) return { ip, bits: written }
  // A wider network than that of all mapped addresses is one of IPv6, written by the wrong address.
  return written < MAPPED_BITS ? undefined : { ip, bits: written - MAPPED_BITS }
}
