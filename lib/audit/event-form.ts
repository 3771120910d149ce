import { outOfRange, wrongType } from '../arguments/argument-error.js'
import type { Instant, NanoClock } from '../platform/nano-clock.js'
import { eventLine, eventMembers, type EventObject, type EventUser } from './audit-event.js'
import type { AuditRequestFields, AuditText, ResponseStage } from './audit-record.js'
import { checkCode, checkStrings, checkText, checkTexts } from './field-check.js'
import { canonicalIp } from './ip-address.js'
import type { LineForm } from './line-form.js'
import { OpenRequests } from './open-requests.js'
import { requestInfo, type RequestObject } from './request-info.js'
import { microTime } from './rfc3339.js'

/** What is known of a request that was never told, or is forgotten. */
const UNKNOWN = {
  members: eventMembers({ requestURI: '', verb: '' }),
  receivedAt: undefined,
}

/** Events of `audit.k8s.io/v1`. Those of a response say again what is known of the request. */
export class EventForm implements LineForm {
  readonly #clock: Pick<NanoClock, 'now'>
  readonly #openRequests: OpenRequests

  /** @param openRequests by default one of the usual size. */
  constructor(clock: Pick<NanoClock, 'now'>, openRequests = new OpenRequests()) {
    this.#clock = clock
    this.#openRequests = openRequests
  }

  requestLine(id: string, fields: AuditRequestFields): string {
    checkFields(fields)
    const members = eventMembers(eventRequest(fields))
    const stageAt = quotedTime(this.#clock.now())
    const receivedAt = fields.receivedAt ? quotedTime(fields.receivedAt) : stageAt
    this.#openRequests.add(id, { members, receivedAt })
    const stage = 'RequestReceived'
    return eventLine({ auditID: id, stage, members, receivedAt, stageAt })
  }

  responseLine(id: string, code: number, stage: ResponseStage): string {
    if (typeof id !== 'string') throw wrongType('response.id', 'a string', id)
    checkCode('response.code', code)
    if (stage !== 'ResponseStarted' && stage !== 'ResponseComplete' && stage !== 'Panic') {
      const expected = `'ResponseStarted', 'ResponseComplete' or 'Panic'`
      throw outOfRange('response.stage', expected, stage)
    }
    const requests = this.#openRequests
    const stageAt = quotedTime(this.#clock.now())
    const request = stage === 'ResponseStarted' ? requests.get(id) : requests.take(id)
    return eventLine({ auditID: id, stage, ...(request ?? UNKNOWN), code, stageAt })
  }
}

function quotedTime({ seconds, nanos }: Instant): string {
  return `"${microTime(seconds, nanos)}"`
}

/** All are checked, so that an error names the field as its caller knows it. */
function checkFields(fields: AuditRequestFields): void {
  const { ip, method, uri, sourceIps, groups, asGroups } = fields
  checkText('request.method', method)
  checkText('request.uri', uri)
  if (ip !== undefined && ip !== null && typeof ip !== 'string') {
    throw wrongType('request.ip', 'a string', ip)
  }
  checkStrings('request.sourceIps', sourceIps)
  checkTexts('request.groups', groups)
  checkTexts('request.asGroups', asGroups)
  for (const name of ['user', 'as', 'namespace', 'userAgent'] as const) {
    const value = fields[name]
    if (value !== undefined && value !== null) checkText(`request.${name}`, value)
  }
}

function eventRequest(fields: AuditRequestFields): Parameters<typeof eventMembers>[0] {
  const { uri, userAgent, ip, sourceIps } = fields
  const { verb, objectRef } = requestInfo(byteCharacters(fields.method), byteCharacters(uri))
  const sourceIPs = (sourceIps ?? [ip ?? '']).flatMap(address => canonicalIp(address) ?? [])
  return {
    requestURI: uri,
    verb,
    user: { username: fields.user, groups: fields.groups },
    impersonatedUser: userOf(fields.as, fields.asGroups),
    sourceIPs,
    userAgent,
    objectRef: objectOf(objectRef, fields.namespace),
  }
}

function userOf(
  username: AuditText | null | undefined,
  groups: readonly AuditText[] | null | undefined,
): EventUser | undefined {
  const isNobody = (username ?? '').length === 0 && (groups ?? []).length === 0
  return isNobody ? undefined : { username, groups }
}

/** A server may know namespaces that Kubernetes' paths do not: what the fields say goes first. */
function objectOf(
  object: RequestObject | undefined,
  namespace: AuditText | null | undefined,
): EventObject | undefined {
  return namespace === undefined || namespace === null ? object : { ...object, namespace }
}

/** A character for each byte, as Node gives what came over the wire. */
function byteCharacters(text: AuditText): string {
  if (typeof text !== 'string') return Buffer.from(text).toString('latin1')
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1')
}
