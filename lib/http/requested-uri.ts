import { outOfRange, wrongType } from '../arguments/argument-error.js'
import type { AuditText } from '../audit/audit-record.js'

/** What a query parameter is shown as whose value is secret. */
const REDACTED = 'REDACTED'

const DEFAULT_NAMES = ['access_token', 'token', 'password'] as const

/** Targets that Go prints as they are and that have no query: nearly all. */
const PLAIN = /^\/[\w.~!$&'()*+,;=:@[\]/-]*$/

/** Paths that Go prints as they are (`validEncoded` of Go 1.19's net/url, whose escapes are whole). */
const VALID_ENCODED = /^[\w.~!$&'()*+,;=:@[\]/-]*(?:%[\dA-Fa-f]{2}[\w.~!$&'()*+,;=:@[\]/-]*)*$/

const BROKEN_ESCAPE = /%(?![\dA-Fa-f]{2})/
const ESCAPE = /%([\dA-Fa-f]{2})/g

/** What Go's `shouldEscape` says yes to in a path; it escapes more than `validEncoded` minds. */
const ESCAPED_IN_PATH = /[^\w.~$&+,/:;=@-]/g

/** What can stand neither in a path nor in an authority, half an escape excepted. */
const IMPOSSIBLE = /[^\w.~!$&'()*+,;=:@[\]/%-]/g

const ABSOLUTE = /^([A-Za-z][A-Za-z\d+.-]*:\/\/)([^/?]*)/

/** A host with or without a port. */
const AUTHORITY = /^(?:\[[^\]]*\]|[^:[\]]*)(?::\d*)?$/

/** Names that have no other spelling than their case: nearly all. */
const PLAIN_NAME = /^[\w-]*$/

/** What begins a new parameter for some reader of a query, besides `&`. */
const SEPARATOR = /[;?#]/

/** What may stand for something else in a name; text that is not ASCII too. */
const ENCODED = /[%+\0\x80-\uffff]/

const NOT_ASCII = /[^\0-\x7f]/
const NOT_LATIN1 = /[^\0-\xff]/

/**
 * Reads the option `redactQuery`: the names of query parameters whose values are not shown.
 *
 * @param value an array of names, in any case; default `access_token`, `token`, `password`. None is
 *   redacted if it is empty.
 * @returns the names as `shownUri` takes them, in lower case.
 * @throws TypeError or RangeError naming the option, what was expected and what came.
 */
export function parseRedactQuery(value: unknown): ReadonlySet<string> {
  if (value === undefined) return new Set(DEFAULT_NAMES)
  if (!Array.isArray(value)) throw wrongType('option redactQuery', 'an array of strings', value)
  const names: readonly unknown[] = value
  return new Set(
    names.map(name => {
      if (typeof name === 'string' && name !== '') return name.toLowerCase()
      const wrong = typeof name === 'string' ? outOfRange : wrongType
      throw wrong('an element of option redactQuery', 'a name', name)
    }),
  )
}

/**
 * Writes the target of a request as the audit line shows it: the path escaped as Go's `URL.String()`
 * does, the query as it came, without credentials.
 *
 * - Of an absolute target, and of CONNECT's authority, the userinfo is removed; the scheme becomes
 *   lower case, the host stays.
 * - Query parameters that are named by `redact` are shown as `name=REDACTED`, also if the name is
 *   percent-encoded, in other case or with brackets (`token[]`, `user[token]`), or stands after `;`,
 *   `?` or `#`. Then all to the next `&` is their value. What comes after `#` in a path, which no
 *   client should send, is taken for a query.
 * - A path that is no valid encoding, on which Go refuses the request, stays as it came; only what
 *   cannot be in a path is escaped.
 *
 * Takes linear time. What it gives is given back unchanged if shown again.
 *
 * @param target `req.url` as Node gives it: one character a byte.
 * @param redact names in lower case, of `parseRedactQuery`.
 * @returns bytes if the query has any that are not ASCII, else a string.
 */
export function shownUri(target: string, redact: ReadonlySet<string>): AuditText {
  if (PLAIN.test(target)) return target
  const isText = NOT_LATIN1.test(target)
  const shown = shownTarget(isText ? Buffer.from(target).toString('latin1') : target, redact)
  return NOT_ASCII.test(shown) ? Buffer.from(shown, 'latin1') : shown
}

function shownTarget(target: string, redact: ReadonlySet<string>): string {
  if (target.startsWith('/')) return shownParts(target, redact)
  const [begin = '', scheme, authority = ''] = ABSOLUTE.exec(target) ?? []
  if (scheme === undefined) return shownOther(target, redact)
  const [host = ''] = authority.slice(authority.lastIndexOf('@') + 1).split('#', 1)
  const rest = target.slice(begin.length - authority.length + authority.lastIndexOf('@') + 1)
  const userinfoEnd = rest.lastIndexOf('@')
  if (userinfoEnd !== -1 && !AUTHORITY.test(host)) {
    // Cut at a '/' or '?' of a password that nobody escaped: what is left would show its beginning.
    return shownTarget(`${scheme}${rest.slice(userinfoEnd + 1)}`, redact)
  }
  const after = shownParts(rest.slice(host.length), redact)
  const slash = /^[^/?]/.test(after) ? '/' : ''
  return `${scheme.toLowerCase()}${host.replace(IMPOSSIBLE, percentEscape)}${slash}${after}`
}

/** The authority of CONNECT, `*`, or what only `node:http2` lets through. */
function shownOther(target: string, redact: ReadonlySet<string>): string {
  const query = target.indexOf('?')
  const before = query === -1 ? target : target.slice(0, query)
  const userinfoEnd = (AUTHORITY.test(before) ? before : target).lastIndexOf('@')
  // What is left may be of another form, but of the same one only if nothing is to be taken off.
  if (userinfoEnd !== -1) return shownTarget(target.slice(userinfoEnd + 1), redact)
  return shownParts(target, redact)
}

/** The path and what follows it. Secrets go first, as a '#' may hide them from whoever looks later. */
function shownParts(text: string, redact: ReadonlySet<string>): string {
  const first = text.search(/[?#]/)
  if (first === -1) return escapedPath(text)
  const redacted = `${text.slice(0, first + 1)}${redactedQuery(text.slice(first + 1), redact)}`
  const query = redacted.indexOf('?')
  if (query === -1) return escapedPath(redacted)
  return `${escapedPath(redacted.slice(0, query))}${redacted.slice(query)}`
}

/** `URL.EscapedPath` of Go 1.19's net/url; of what is no path, only the impossible is escaped. */
function escapedPath(path: string): string {
  if (VALID_ENCODED.test(path)) return path
  const isPath = path.startsWith('/') && !BROKEN_ESCAPE.test(path)
  if (!isPath) return path.replace(IMPOSSIBLE, percentEscape)
  return unescapeBytes(path).replace(ESCAPED_IN_PATH, percentEscape)
}

function unescapeBytes(text: string): string {
  return text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function percentEscape(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function redactedQuery(query: string, redact: ReadonlySet<string>): string {
  if (!query.includes('=') || !mayName(query, redact)) return query
  return query
    .split('&')
    .map(part => redactedPart(part, redact))
    .join('&')
}

/** Whether any part of a query may be one of these names: nearly always this tells that none is. */
function mayName(query: string, redact: ReadonlySet<string>): boolean {
  if (ENCODED.test(query)) return redact.size > 0
  const text = query.toLowerCase()
  for (const name of redact) if (text.includes(name)) return true
  return false
}

/**
 * Replaces the value of what stands between two `&`. Whether `;`, a second `?` or a `#` begins a new
 * parameter is read differently by different servers, so all readings are looked at.
 */
function redactedPart(part: string, redact: ReadonlySet<string>): string {
  let nameStart = 0
  let nameEnd = part.indexOf('=')
  while (nameEnd !== -1) {
    const name = part.slice(nameStart, nameEnd)
    const isSecret = nameStart === 0 && isRedacted(name, redact)
    if (isSecret || endsInSecret(name, nameStart === 0, redact)) {
      return `${part.slice(0, nameEnd + 1)}${REDACTED}`
    }
    nameStart = nameEnd + 1
    nameEnd = part.indexOf('=', nameStart)
  }
  return part
}

/** Whether a secret's name stands after a separator; before one only if it is in open brackets. */
function endsInSecret(text: string, isName: boolean, redact: ReadonlySet<string>): boolean {
  if (!SEPARATOR.test(text)) return false
  const pieces = text.split(SEPARATOR)
  return pieces.some((piece, index) => {
    if (index === 0 && !isName) return false
    return (index === pieces.length - 1 || /\[|%5b/i.test(piece)) && isRedacted(piece, redact)
  })
}

/** Whether a name, or a part of one as in `user[token]`, is that of a secret. */
function isRedacted(name: string, redact: ReadonlySet<string>): boolean {
  if (PLAIN_NAME.test(name)) return redact.has(name.toLowerCase())
  if (redact.has(name)) return true
  const bytes = unescapeBytes(name.replaceAll('+', ' '))
  const text = NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString() : bytes
  const decoded = text.replaceAll('\0', '').toLowerCase()
  if (redact.has(decoded.trim())) return true
  return decoded.split(/[[\].]/).some(piece => redact.has(piece.trim()))
}
