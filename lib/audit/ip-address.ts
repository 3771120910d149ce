import { isIPv4, isIPv6 } from 'node:net'

const GROUP_COUNT = 8

/** How many addresses are remembered: the clients of a busy server within a short time. */
const REMEMBERED_MAX = 1024

/** Canonical forms by text. A client asks many times, and working its form out takes long. */
const remembered = new Map<string, string>()

/**
 * Gives an IP address the form in which Go prints it, `net.ParseIP(text).String()`: IPv6 lower case
 * and shortened, `::ffff:1.2.3.4` as `1.2.3.4` (https://pkg.go.dev/net#IP.String, RFC 5952).
 *
 * @param text an address alone: without port, brackets or zone.
 * @returns undefined if `text` is no address; one with a zone or, in IPv4, with leading zeros is none.
 */
export function canonicalIp(text: string): string | undefined {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const canonical = isIPv4(text) ? text : canonicalIpv6(text)
  if (canonical === undefined) return undefined
  if (remembered.size === REMEMBERED_MAX) remembered.clear()
  remembered.set(text, canonical)
  return canonical
}

function canonicalIpv6(text: string): string | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined
  const groups = groupsOf(text)
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every(group => group === 0)
  return isMapped ? dotted(groups[6]!, groups[7]!) : compressed(groups)
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const headGroups = readGroups(head)
  if (tail === undefined) return headGroups
  const tailGroups = readGroups(tail)
  const missing = GROUP_COUNT - headGroups.length - tailGroups.length
  return [...headGroups, ...Array<number>(missing).fill(0), ...tailGroups]
}

function readGroups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (!group.includes('.')) return Number.parseInt(group, 16)
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}

/** Writes `::` for the longest run of two or more zero groups, the first of several equal ones. */
function compressed(groups: readonly number[]): string {
  let runStart = 0
  let runLength = 0
  for (let start = 0; start < GROUP_COUNT; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > runLength) {
      runStart = start
      runLength = end - start
    }
  }
  const hex = groups.map(group => group.toString(16))
  if (runLength < 2) return hex.join(':')
  return `${hex.slice(0, runStart).join(':')}::${hex.slice(runStart + runLength).join(':')}`
}
