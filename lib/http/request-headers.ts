import type { AuditText } from '../audit/audit-record.js'

/**
 * The part of a request that tells its headers: of `node:http`, of `node:http2` and of whatever
 * imitates them.
 */
export interface HeaderSource {
  /** Name, value, name, value, as they came; names in any case. */
  readonly rawHeaders: readonly string[]
}

/** Whom a request asks to be taken for; both absent in nearly all. */
export interface Impersonation {
  /** The first `Impersonate-User` header, if it is not empty. */
  readonly as?: AuditText
  /** All `Impersonate-Group` headers, in order. */
  readonly asGroups?: AuditText[]
}

const NOBODY: Impersonation = Object.freeze({})
const NOT_ASCII = /[^\0-\x7f]/
const NOT_LATIN1 = /[^\0-\xff]/

/**
 * Gives all values of a header, in the order in which they came. `req.headers` joins them with a
 * comma, after which a value that holds a comma looks like two; and Node makes it only when somebody
 * looks, which nobody does in many a handler.
 *
 * @param name the header, in lower case.
 * @returns an empty array if the request has no such header.
 */
export function headerValues({ rawHeaders }: HeaderSource, name: string): string[] {
  const values: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const rawName = rawHeaders[at]!
    if (rawName.length === name.length && rawName.toLowerCase() === name) {
      values.push(rawHeaders[at + 1]!)
    }
  }
  return values
}

/**
 * Gives the bytes of a header back. Node decodes headers as latin1, one character a byte, in
 * `node:http` and `node:http2` alike, though nearly all that is not ASCII was sent as UTF-8.
 *
 * @param value a header as Node gives it.
 * @returns the same string if it is plain ASCII, else its bytes. Text that cannot have come from
 *   the wire, with characters above U+00FF, is given back as it is.
 */
export function headerText(value: string): AuditText {
  if (!NOT_ASCII.test(value) || NOT_LATIN1.test(value)) return value
  return Buffer.from(value, 'latin1')
}

/**
 * Reads the impersonation headers as Kubernetes does: the first user counts, and an empty one is
 * none (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation).
 * Nothing says that the request was allowed to.
 */
export function impersonation(req: HeaderSource): Impersonation {
  const [user = ''] = headerValues(req, 'impersonate-user')
  const groups = headerValues(req, 'impersonate-group').map(headerText)
  if (user === '' && groups.length === 0) return NOBODY
  return {
    ...(user === '' ? {} : { as: headerText(user) }),
    ...(groups.length === 0 ? {} : { asGroups: groups }),
  }
}
