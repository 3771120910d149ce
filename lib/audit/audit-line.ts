import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { NanoClock } from '../platform/nano-clock.js'
import type {
  AuditFormat,
  AuditGap,
  AuditRequest,
  AuditRequestFields,
  AuditResponse,
  AuditText,
} from './audit-record.js'
import {
  checkCode,
  checkCount,
  checkObject,
  checkStrings,
  checkText,
  checkTexts,
} from './field-check.js'
import { goEscape } from './go-quote.js'
import { canonicalIp } from './ip-address.js'
import { lineTime, unixNsOf } from './rfc3339.js'

const clock = new NanoClock()

/**
 * Writes the request line of Kubernetes. Whatever the fields hold, the result is exactly one line.
 *
 * @param request the fields. All are checked, those too that the format does not show.
 * @param options `format`: `'1.4'` by default, or `'1.6'`.
 * @returns the line, ended by `\n`.
 * @throws TypeError naming the field, what was expected and what came, for a wrong type; RangeError
 *   for a time outside the years 0000 to 9999, a wrong offset or an unknown format.
 * @example
 * formatRequest({ time: 1473253437400333046n, id: '5c3b8227', method: 'GET', uri: '/healthz' })
 * // 2016-09-07T13:03:57.400333046Z AUDIT: id="5c3b8227" ip="<nil>" method="GET" user="<none>" …
 */
export function formatRequest(
  request: AuditRequest,
  options: { readonly format?: AuditFormat | undefined } = {},
): string {
  checkObject('request', request)
  const { format = '1.4' } = options
  checkFormat('options.format', format)
  const time = lineTime('request', request.time, request.offset ?? 0)
  return requestLine(time + AFTER_TIME, request.id, request, format)
}

/**
 * Writes the response line of Kubernetes, the same in formats 1.4 and 1.6.
 *
 * @returns the line, ended by `\n`.
 * @throws TypeError naming the field, what was expected and what came, for a wrong type; RangeError
 *   for a code that is neither 0 nor 100 to 999, a time outside the years 0000 to 9999 or a wrong
 *   offset.
 */
export function formatResponse(response: AuditResponse): string {
  checkObject('response', response)
  const time = lineTime('response', response.time, response.offset ?? 0)
  return responseLine(time + AFTER_TIME, escapedText('response.id', response.id), response.code)
}

/**
 * Writes a gap as a line of the audit log: for the appender's option `gapRecord`.
 *
 * @param gap `records` and `bytes` that are missing, `why`, and `time`, by default now in UTC.
 * @returns the line, ended by `\n`: `<time> AUDIT: gap records="3" bytes="600" why="ENOSPC"`.
 * @throws TypeError or RangeError naming the field, what was expected and what came.
 */
export function auditGapRecord(gap: AuditGap): string {
  checkObject('gap', gap)
  const time = lineTime('gap', gapTime(gap.time), gap.offset ?? 0)
  const { records, bytes } = gap
  checkCount('gap.records', records)
  checkCount('gap.bytes', bytes)
  const why = escapedText('gap.why', gap.why)
  return `${time} AUDIT: gap records="${records}" bytes="${bytes}" why="${why}"\n`
}

/** What goes between the time and the id, in all lines of requests and responses. */
export const AFTER_TIME = ' AUDIT: id="'

const SELF = '<self>'

/** How response lines end, by code: there are few codes, and each piece of a line costs. */
const RESPONSE_ENDS: string[] = Array.from({ length: 1000 })

/**
 * A line of format 1.4 in which no value has anything to escape: with a quote too many or too few,
 * or any character that is not plain, no line is one.
 */
const PLAIN_LINE = new RegExp(
  `^[^"]*${['id', 'ip', 'method', 'user', 'as', 'namespace', 'uri']
    .map(name => String.raw`${name}="[ !#-[\]-~]*"`)
    .join(' ')}\n$`,
)

/**
 * Writes a request line from a beginning that is already text.
 *
 * @param begin the time, as `rfc3339Nano` writes it, and `AFTER_TIME`.
 * @throws as `formatRequest`, for all but the time.
 */
export function requestLine(
  begin: string,
  id: AuditText,
  request: AuditRequestFields,
  format: AuditFormat,
): string {
  checkUnshown(request)
  const plainLine = format === '1.4' ? plainRequestLine(begin, id, request) : undefined
  if (plainLine !== undefined) return plainLine
  const escapedId = escapedText('request.id', id)
  const ip = escapedIp(request.ip)
  const method = escapedText('request.method', request.method)
  const user = escapedOr('request.user', request.user, '<none>')
  const as = escapedOr('request.as', request.as, SELF)
  const namespace = escapedOr('request.namespace', request.namespace, '<none>')
  const uri = escapedText('request.uri', request.uri)
  checkTexts('request.groups', request.groups)
  checkTexts('request.asGroups', request.asGroups)
  if (format === '1.4') return line14(begin, escapedId, ip, method, user, as, namespace, uri)
  const asked = `${begin}${escapedId}" ip="${ip}" method="${method}" user="${user}"`
  const end = `namespace="${namespace}" uri="${uri}"\n`
  const groups = escapedGroups(request.groups, '<none>')
  const asGroups = escapedGroups(request.asGroups, '<lookup>')
  return `${asked} groups="${groups}" as="${as}" asgroups="${asGroups}" ${end}`
}

/** What no line shows is checked all the same: a mistake shall not wait for another format. */
function checkUnshown({ userAgent, sourceIps }: AuditRequestFields): void {
  if (userAgent !== undefined && userAgent !== null) checkText('request.userAgent', userAgent)
  if (sourceIps !== undefined && sourceIps !== null) checkStrings('request.sourceIps', sourceIps)
}

/**
 * Nearly all values need no escape. Then one look at the whole line, which has to be made of one
 * piece for the file anyway, takes half as long as a look at each of them.
 *
 * @returns undefined when there is something to escape, or a value is none: all has to be looked at.
 */
function plainRequestLine(
  begin: string,
  id: AuditText,
  request: AuditRequestFields,
): string | undefined {
  const { method, uri } = request
  const user = request.user ?? '<none>'
  const as = request.as ?? SELF
  const namespace = request.namespace ?? '<none>'
  const areTexts =
    typeof id === 'string' &&
    typeof method === 'string' &&
    typeof user === 'string' &&
    typeof as === 'string' &&
    typeof namespace === 'string' &&
    typeof uri === 'string'
  if (!areTexts || request.groups || request.asGroups) return undefined
  const line = line14(begin, id, escapedIp(request.ip), method, user, as, namespace, uri)
  return PLAIN_LINE.test(line) ? line : undefined
}

function line14(
  begin: string,
  id: string,
  ip: string,
  method: string,
  user: string,
  as: string,
  namespace: string,
  uri: string,
): string {
  // Each piece costs; nearly nobody is somebody else.
  const asNamespace = as === SELF ? '" as="<self>" namespace="' : `" as="${as}" namespace="`
  return `${begin}${id}" ip="${ip}" method="${method}" user="${user}${asNamespace}${namespace}" uri="${uri}"\n`
}

/** Writes a response line from a beginning, as for `requestLine`, and an escaped id. */
export function responseLine(begin: string, escapedId: string, code: number): string {
  checkCode('response.code', code)
  return `${begin}${escapedId}${(RESPONSE_ENDS[code] ??= `" response="${code}"\n`)}`
}

function checkFormat(name: string, format: unknown): void {
  if (format !== '1.4' && format !== '1.6') throw outOfRange(name, `'1.4' or '1.6'`, format)
}

function escapedText(name: string, value: AuditText): string {
  checkText(name, value)
  return goEscape(value)
}

function escapedOr(name: string, value: AuditText | null | undefined, sentinel: string): string {
  return value === undefined || value === null ? sentinel : escapedText(name, value)
}

/** Each group is quoted, and the whole again: so no group can pass for two, or for a sentinel. */
function escapedGroups(groups: readonly AuditText[] | null | undefined, sentinel: string): string {
  if (groups === undefined || groups === null || groups.length === 0) return sentinel
  let list = ''
  for (const group of groups) {
    const once = goEscape(group)
    // Nothing was escaped, as in nearly all names: then there is nothing to escape again.
    const isPlain = typeof group === 'string' && once.length === group.length
    const quotedTwice = `\\"${isPlain ? once : goEscape(once)}\\"`
    list += list === '' ? quotedTwice : `,${quotedTwice}`
  }
  return list
}

function escapedIp(ip: string | null | undefined): string {
  if (ip === undefined || ip === null) return '<nil>'
  if (typeof ip !== 'string') throw wrongType('request.ip', 'a string', ip)
  return canonicalIp(ip) ?? '<nil>'
}

/** Now, unless a time is given. */
function gapTime(time: bigint | Date | undefined): bigint {
  if (time !== undefined) return unixNsOf('gap.time', time)
  const { seconds, nanos } = clock.now()
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
}
