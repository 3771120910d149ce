import { canonicalIp } from '../audit/ip-address.js'
import { headerValues, type HeaderSource } from './request-headers.js'
import type { TrustProxy } from './trusted-proxies.js'

/**
 * Finds where a request comes from.
 *
 * With a list of trusted proxies the client is the right-most address that is not itself trusted:
 * everything left of it was written by somebody whom nobody vouches for. With `'all'` it is the
 * left-most, as in Kubernetes, and can be forged by whoever sends a header.
 *
 * @param remoteAddress the socket's, as Node gives it; undefined for a Unix socket, or when the
 *   connection is gone already.
 * @returns the client first, then the proxies that the request came through, all in the form of
 *   `canonicalIp`; empty if there is no address. A port, brackets or a zone make it none.
 */
export function sourceAddresses(
  req: HeaderSource,
  remoteAddress: string | undefined,
  trust: TrustProxy,
): readonly string[] {
  const remote = remoteAddress === undefined ? undefined : canonicalIp(remoteAddress)
  if (trust.kind === 'all') return claimedAddresses(req, remote)
  if (remote === undefined) return []
  if (trust.kind === 'none' || !trust.trusts(remote)) return [remote]
  return vouchedAddresses(req, remote, trust)
}

/**
 * What Kubernetes does: valid addresses of the first `X-Forwarded-For` line, then `X-Real-Ip` unless
 * it is among them, then the socket's unless it is the last (`SourceIPs` of
 * https://github.com/kubernetes/apimachinery/blob/v0.19.0/pkg/util/net/http.go).
 */
function claimedAddresses(req: HeaderSource, remote: string | undefined): readonly string[] {
  const [forwarded = ''] = headerValues(req, 'x-forwarded-for')
  const addresses: string[] = []
  for (const entry of forwarded.split(',')) {
    const ip = canonicalIp(entry.trim())
    if (ip !== undefined) addresses.push(ip)
  }
  const [real = ''] = headerValues(req, 'x-real-ip')
  const realIp = canonicalIp(real)
  if (realIp !== undefined && !addresses.includes(realIp)) addresses.push(realIp)
  if (remote !== undefined && addresses.at(-1) !== remote) addresses.push(remote)
  return addresses
}

/** Walks from the trusted remote address to the left, as long as each hop trusts the next. */
function vouchedAddresses(req: HeaderSource, remote: string, trust: TrustProxy): readonly string[] {
  const lines = headerValues(req, 'x-forwarded-for')
  if (lines.length === 0) {
    // The last one: a proxy that adds the header instead of replacing it puts its own behind.
    const realIp = canonicalIp(headerValues(req, 'x-real-ip').at(-1) ?? '')
    return realIp === undefined || realIp === remote ? [remote] : [realIp, remote]
  }
  const hops = [remote]
  for (const entry of lines.join(',').split(',').toReversed()) {
    const ip = canonicalIp(entry.trim())
    if (ip === undefined) break
    hops.push(ip)
    if (!trust.trusts(ip)) break
  }
  return hops.toReversed()
}
