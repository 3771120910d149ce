import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { isUint8Array } from 'node:util/types'
import { wrongType } from '../arguments/argument-error.js'
import type { AuditText } from '../audit/audit-record.js'

/** Who made a request. */
export interface AuditUser {
  /** The name under which the user was authenticated. */
  readonly name: AuditText
  /** The groups of the user, in order; none if absent. */
  readonly groups?: readonly AuditText[] | null | undefined
}

/** The part of a request that leads to its connection: of `node:http` or `node:http2`. */
export interface ConnectedRequest {
  /** The connection; of `node:http2`, a stand-in for it that is another one in each request. */
  readonly socket?: Socket | null
  /** The stream, in `node:http2` only. */
  readonly stream?: { readonly session?: Http2Connection | null | undefined } | null
}

/** The part of a session of `node:http2` that leads to its connection. */
interface Http2Connection {
  readonly socket: Socket
  readonly destroyed: boolean
}

/** The users of connections that showed a certificate. Nobody else's: they may show one later. */
const certificateUsers = new WeakMap<object, AuditUser>()

/**
 * Gives the connection of a request, one object for all requests of a connection. In `node:http2`
 * `req.socket` is a new object each time, so that of the session is taken.
 *
 * @returns undefined if the connection is gone.
 */
export function requestSocket(req: ConnectedRequest): Socket | undefined {
  const { stream } = req
  if (stream === undefined || stream === null) return req.socket ?? undefined
  const { session } = stream
  // After its end each look at its socket throws.
  return session === undefined || session === null || session.destroyed ? undefined : session.socket
}

/**
 * Gives the user of a verified TLS client certificate as Kubernetes does: the common name is the
 * name, the organizations are the groups. Of several common names the last one counts
 * (`FillFromRDNSequence` of https://pkg.go.dev/crypto/x509/pkix).
 *
 * `authorized` alone is no proof: up to Node 22 it is true for a connection of TLS 1.3 that was
 * resumed and showed no certificate at all.
 *
 * @param socket of `requestSocket`, or any other; asked once for its certificate if it has one.
 * @returns undefined if the connection is no TLS or is gone, if the certificate was not asked for,
 *   is missing or was not verified, or if it has no common name.
 */
export function certificateUser(socket: object | null | undefined): AuditUser | undefined {
  if (socket === undefined || socket === null) return undefined
  const known = certificateUsers.get(socket)
  if (known !== undefined) return known
  const user = readCertificate(socket)
  if (user !== undefined) certificateUsers.set(socket, user)
  return user
}

function readCertificate(socket: Partial<TLSSocket>): AuditUser | undefined {
  const names = subjectOf(socket)
  if (names === undefined) return undefined
  // One value is a string, several are an array.
  const name = [names['CN'] ?? []].flat().at(-1)
  if (typeof name !== 'string' || name === '') return undefined
  const groups = [names['O'] ?? []].flat().filter(group => typeof group === 'string')
  return groups.length === 0 ? { name } : { name, groups }
}

function subjectOf(socket: Partial<TLSSocket>): NodeJS.Dict<string | string[]> | undefined {
  try {
    if (socket.authorized !== true) return undefined
    const certificate = socket.getPeerCertificate?.()
    // Typed as always there; of a connection without a certificate it is an empty object or null.
    return (certificate as { subject?: NodeJS.Dict<string | string[]> } | null | undefined)?.subject
  } catch {
    // The stand-in of node:http2 throws when its session is over: then nobody is known any more.
    return undefined
  }
}

/**
 * Reads what `user(req)` answered, or what another middleware put into `req.user`.
 *
 * @param value a name, as text or bytes; an object with `name` or, if that is absent, `username`,
 *   and perhaps `groups`; undefined or null for no user.
 * @returns undefined for no user.
 * @throws TypeError naming what was expected and what came. Of an object it names the fields and their
 *   types, not their values: users have passwords.
 */
export function requestUser(value: unknown): AuditUser | undefined {
  if (value === undefined || value === null) return undefined
  if (isText(value)) return { name: checkedName('user(req)', value) }
  if (typeof value !== 'object') throw wrongType('user(req)', EXPECTED_USER, value)
  const fields: { name?: unknown; username?: unknown; groups?: unknown } = value
  const { name, username, groups } = fields
  const field = name === undefined || name === null ? 'username' : 'name'
  const text = field === 'name' ? name : username
  if (text === undefined || text === null) {
    throw wrongType('user(req)', EXPECTED_USER, fieldTypes(value))
  }
  if (!isText(text)) throw wrongType(`user(req): ${field}`, 'a name', text)
  const checked = checkedName(`user(req): ${field}`, text)
  if (groups === undefined || groups === null) return { name: checked }
  if (!Array.isArray(groups)) throw wrongType('user(req): groups', 'an array of strings', groups)
  return { name: checked, groups: groups.map(checkedGroup) }
}

const EXPECTED_USER = 'a name or an object with name or username, and groups'

function isText(value: unknown): value is AuditText {
  return typeof value === 'string' || isUint8Array(value)
}

/** The types of an object's fields, by their names. */
function fieldTypes(value: object): Record<string, string> {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, typeof field]))
}

/** A name that is empty would be no sentinel and say nothing: a mistake of the program. */
function checkedName(what: string, name: AuditText): AuditText {
  if (name.length === 0) throw wrongType(what, 'a name that is not empty', name)
  return name
}

function checkedGroup(group: unknown): AuditText {
  if (isText(group)) return group
  throw wrongType('user(req): an element of groups', 'a string or a Uint8Array', group)
}
