import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { NanoClock } from '../platform/nano-clock.js'
import type { AuditGap, AuditText, ResponseStage } from './audit-record.js'
import { checkCode, checkCount, checkObject, checkText, checkTexts } from './field-check.js'
import { goJsonMap, goJsonString, goJsonStrings } from './go-json.js'
import { microTime, microTimeOf } from './rfc3339.js'

/** How far a request is: it came in, or one of the stages of its response. */
export type EventStage = 'RequestReceived' | ResponseStage

/** Who asks, or who is impersonated. */
export interface EventUser {
  readonly username?: AuditText | null | undefined
  readonly uid?: AuditText | null | undefined
  readonly groups?: readonly AuditText[] | null | undefined
  readonly extra?: Readonly<Record<string, readonly AuditText[]>> | null | undefined
}

/** What a request is about. */
export interface EventObject {
  readonly resource?: AuditText | null | undefined
  readonly namespace?: AuditText | null | undefined
  readonly name?: AuditText | null | undefined
  readonly uid?: AuditText | null | undefined
  readonly apiGroup?: AuditText | null | undefined
  readonly apiVersion?: AuditText | null | undefined
  readonly resourceVersion?: AuditText | null | undefined
  readonly subresource?: AuditText | null | undefined
}

/** The members of an event that say what was requested, the same at each stage. */
export interface EventRequest {
  /** The request target, as it shall be shown: secrets already taken out. */
  readonly requestURI: AuditText
  /** `get`, `list`, …, or the method in lower case. */
  readonly verb: AuditText
  /** The authenticated user; absent is written as `{}`. */
  readonly user?: EventUser | null | undefined
  readonly impersonatedUser?: EventUser | null | undefined
  /** The client first, then proxies. Written as they are given. */
  readonly sourceIPs?: readonly AuditText[] | null | undefined
  readonly userAgent?: AuditText | null | undefined
  readonly objectRef?: EventObject | null | undefined
}

/**
 * An event of `audit.k8s.io/v1`, as `formatEvent` writes it: names and meanings are those of
 * Kubernetes (https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/). As there, what
 * is absent or empty is left out, but for `auditID`, `requestURI`, `verb` and `user`.
 */
export interface AuditEvent extends EventRequest {
  /** The only level there is here, and the default. */
  readonly level?: 'Metadata' | undefined
  /** Joins the events of a request; a UUID by custom. */
  readonly auditID: AuditText
  readonly stage: EventStage
  /** The answer, where there is one: HTTP status code, 100 to 999, or 0 for none. */
  readonly responseStatus?: { readonly code: number } | null | undefined
  /** When the request came: nanoseconds since 1970, or a Date. */
  readonly requestReceivedTimestamp?: bigint | Date | null | undefined
  /** When this stage was reached, likewise. */
  readonly stageTimestamp: bigint | Date
  readonly annotations?: Readonly<Record<string, AuditText>> | null | undefined
}

const STAGES: readonly unknown[] = [
  'RequestReceived',
  'ResponseStarted',
  'ResponseComplete',
  'Panic',
] satisfies EventStage[]

/** In the order in which Kubernetes writes them. */
const OBJECT_MEMBERS = [
  'resource',
  'namespace',
  'name',
  'uid',
  'apiGroup',
  'apiVersion',
  'resourceVersion',
  'subresource',
] as const satisfies readonly (keyof EventObject)[]

const clock = new NanoClock()

/**
 * Writes an event of `audit.k8s.io/v1` as Kubernetes' JSON log has it: whatever the fields hold, the
 * result is exactly one line. Times are UTC with six digits, the rest cut off. Texts are escaped as
 * Go does it, see `goJsonString`.
 *
 * @returns the line, ended by `\n`.
 * @throws TypeError naming the field, what was expected and what came, for a wrong type; RangeError
 *   for an unknown stage, another level than Metadata and what belongs to one (`requestObject`,
 *   `responseObject`), a wrong code, or a time outside the years 0000 to 9999.
 * @example
 * const stageTimestamp = 1473253437400333046n
 * formatEvent({ auditID: '5c3b8227', stage: 'RequestReceived', requestURI: '/', verb: 'get', stageTimestamp })
 * // {"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"5c3b8227",…
 */
export function formatEvent(event: AuditEvent): string {
  checkObject('event', event)
  checkLevel(event)
  const { auditID, stage, responseStatus, requestReceivedTimestamp, stageTimestamp } = event
  checkText('event.auditID', auditID)
  if (!STAGES.includes(stage)) throw outOfRange('event.stage', `one of ${STAGES.join(', ')}`, stage)
  const members = eventMembers(event)
  const isReceived = requestReceivedTimestamp !== undefined && requestReceivedTimestamp !== null
  return eventLine({
    auditID,
    stage,
    members,
    code: codeOf(responseStatus),
    receivedAt: isReceived
      ? `"${microTimeOf('event.requestReceivedTimestamp', requestReceivedTimestamp)}"`
      : undefined,
    stageAt: `"${microTimeOf('event.stageTimestamp', stageTimestamp)}"`,
    annotations: annotationsText(event.annotations),
  })
}

/**
 * Writes a gap as a line of a JSON audit log: for the appender's option `gapRecord`. It is no Event,
 * because records that are missing are nobody's request: an event has a verb, a user and a stage,
 * and made-up ones would be taken for real. A reader of events knows it by its `kind`.
 *
 * @param gap `records` and `bytes` that are missing, `why`, and `time`, by default now. The time is
 *   written in UTC, whatever the `offset`.
 * @returns the line, ended by `\n`:
 *   `{"kind":"Gap","apiVersion":"rollkeeper/v1","records":3,"bytes":600,"why":"ENOSPC",`
 *   `"stageTimestamp":"2016-09-07T13:03:57.400333Z"}`.
 * @throws TypeError or RangeError naming the field, what was expected and what came.
 */
export function auditGapEvent(gap: AuditGap): string {
  checkObject('gap', gap)
  const { records, bytes, why, time } = gap
  checkCount('gap.records', records)
  checkCount('gap.bytes', bytes)
  checkText('gap.why', why)
  const at = time === undefined ? microTimeNow() : microTimeOf('gap.time', time)
  const missing = `"records":${records},"bytes":${bytes},"why":${goJsonString(why)}`
  return `{"kind":"Gap","apiVersion":"rollkeeper/v1",${missing},"stageTimestamp":"${at}"}\n`
}

/** An event in pieces that are JSON already. */
export interface EventPieces {
  readonly auditID: AuditText
  readonly stage: EventStage
  /** From `eventMembers`. */
  readonly members: string
  readonly code?: number | undefined
  /** A quoted time; undefined where it is not known. */
  readonly receivedAt: string | undefined
  readonly stageAt: string
  /** Empty for none. */
  readonly annotations?: string
}

/** Puts an event together, in the order of Kubernetes. */
export function eventLine(pieces: EventPieces): string {
  const { auditID, stage, members, code, receivedAt, stageAt, annotations = '' } = pieces
  const begin = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata"'
  const head = `${begin},"auditID":${goJsonString(auditID)},"stage":"${stage}"`
  const status = code === undefined ? '' : `,"responseStatus":{"metadata":{}${codeText(code)}}`
  const received = receivedAt === undefined ? '' : `,"requestReceivedTimestamp":${receivedAt}`
  const times = `${received},"stageTimestamp":${stageAt}`
  return `${head}${members}${status}${times}${annotations}}\n`
}

/**
 * Writes what an event says of its request: members of an object, each with a comma before it.
 *
 * @throws TypeError naming the field.
 */
export function eventMembers(event: EventRequest): string {
  const { requestURI, verb, user, impersonatedUser, sourceIPs, userAgent, objectRef } = event
  checkText('event.requestURI', requestURI)
  checkText('event.verb', verb)
  let members = `,"requestURI":${goJsonString(requestURI)},"verb":${goJsonString(verb)}`
  members += `,"user":${userText('event.user', user ?? {})}`
  if (impersonatedUser !== undefined && impersonatedUser !== null) {
    members += `,"impersonatedUser":${userText('event.impersonatedUser', impersonatedUser)}`
  }
  members +=
    listMember('event', 'sourceIPs', sourceIPs) + textMember('event', 'userAgent', userAgent)
  if (objectRef === undefined || objectRef === null) return members
  checkObject('event.objectRef', objectRef)
  const object = OBJECT_MEMBERS.map(name => textMember('event.objectRef', name, objectRef[name]))
  return `${members},"objectRef":{${object.join('').slice(1)}}`
}

function userText(field: string, user: EventUser): string {
  checkObject(field, user)
  const { username, uid, groups, extra } = user
  const names = textMember(field, 'username', username) + textMember(field, 'uid', uid)
  return `{${(names + listMember(field, 'groups', groups) + extraMember(field, extra)).slice(1)}}`
}

/** The member with a comma before it; nothing for what is absent or empty. */
function textMember(field: string, name: string, text: AuditText | null | undefined): string {
  if (text === undefined || text === null) return ''
  checkText(`${field}.${name}`, text)
  return text.length === 0 ? '' : `,"${name}":${goJsonString(text)}`
}

function listMember(
  field: string,
  name: string,
  texts: readonly AuditText[] | null | undefined,
): string {
  checkTexts(`${field}.${name}`, texts)
  return texts === undefined || texts === null || texts.length === 0
    ? ''
    : `,"${name}":${goJsonStrings(texts)}`
}

function extraMember(field: string, extra: EventUser['extra']): string {
  if (extra === undefined || extra === null) return ''
  checkObject(`${field}.extra`, extra)
  const text = goJsonMap(extra, (values, key) => {
    const name = `${field}.extra.${key}`
    if (!Array.isArray(values)) throw wrongType(name, 'an array of strings', values)
    checkTexts(name, values)
    return goJsonStrings(values)
  })
  return text === '{}' ? '' : `,"extra":${text}`
}

function annotationsText(annotations: AuditEvent['annotations']): string {
  if (annotations === undefined || annotations === null) return ''
  checkObject('event.annotations', annotations)
  const text = goJsonMap(annotations, (value, key) => {
    checkText(`event.annotations.${key}`, value)
    return goJsonString(value)
  })
  return text === '{}' ? '' : `,"annotations":${text}`
}

function checkLevel(event: AuditEvent): void {
  const { level = 'Metadata' } = event
  if (level !== 'Metadata') throw outOfRange('event.level', `'Metadata', the only level`, level)
  for (const name of ['requestObject', 'responseObject']) {
    const value: unknown = Reflect.get(event, name)
    if (value === undefined || value === null) continue
    throw outOfRange(`event.${name}`, 'nothing, as it is no part of level Metadata', value)
  }
}

function codeOf(status: AuditEvent['responseStatus']): number | undefined {
  if (status === undefined || status === null) return undefined
  checkObject('event.responseStatus', status)
  checkCode('event.responseStatus.code', status.code)
  return status.code
}

/** Go leaves a code out that is 0. */
function codeText(code: number): string {
  return code === 0 ? '' : `,"code":${code}`
}

function microTimeNow(): string {
  const { seconds, nanos } = clock.now()
  return microTime(seconds, nanos)
}
