import { tzOffset } from '@date-fns/tz/tzOffset'
import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { checkOptionNames } from '../arguments/option-name.js'
import { NanoClock, type Instant } from '../platform/nano-clock.js'
import { AuditCounters, type AuditStats } from './audit-counters.js'
import { newAuditId } from './audit-id.js'
import type { AuditLogFormat, AuditRequestFields, ResponseStage } from './audit-record.js'
import { EventForm } from './event-form.js'
import { checkObject } from './field-check.js'
import { KubernetesForm, type LineForm } from './line-form.js'

/** Where audit lines go: a `FileAppender`, or anything else with these two methods. */
export interface AuditSink {
  /** Takes one record; false asks to wait before the next, as a stream does. */
  write(record: string): boolean
  /** Takes one record; what a resolved promise means is up to the sink. */
  append(record: string): Promise<void>
}

/** Options of an `AuditLog`. */
export interface AuditLogOptions {
  /**
   * What is written: the lines of Kubernetes 1.4, the default, or 1.6; or with `'json'` events of
   * `audit.k8s.io/v1`, level Metadata, one for each stage of a request.
   */
  readonly format?: AuditLogFormat | undefined
  /**
   * In which zone times are written: `'UTC'`, the default, or an IANA name: `'Europe/Berlin'`. Not
   * with `'json'`, whose times are UTC.
   */
  readonly timeZone?: string | undefined
  /** @internal The time, for specs. */
  readonly clock?: NanoClock | undefined
}

/** What `AuditLog` takes of a request: the time is its own, and so is the id if none is given. */
export interface AuditLogRequest extends AuditRequestFields {
  /** Joins the request to its response; default a new random UUID, version 4, lower case. */
  readonly id?: string | null | undefined
}

const OPTION_NAMES: ReadonlySet<string> = new Set(['format', 'timeZone'])

/**
 * Writes requests and responses as audit lines, each with the time of the call. Within one
 * `AuditLog` times never go backwards, also when the wall clock does: a record is chronological.
 *
 * It counts what it hands to the log and what fails, see `stats`, and tells of it on
 * `node:diagnostics_channel`, see `AuditCounters`.
 *
 * @example
 * const audit = new AuditLog(log)
 * const id = audit.request({ ip: '127.0.0.1', method: 'GET', user: 'admin', uri: '/healthz' })
 * audit.response(id, 200)
 */
export class AuditLog {
  /** @internal What is counted besides lines comes from those who audit a server. */
  readonly counters: AuditCounters
  readonly #log: AuditSink
  readonly #format: AuditLogFormat
  readonly #form: LineForm
  readonly #clock: NanoClock

  /**
   * @param log where the lines go. It is the caller's, who closes it.
   * @param options see `AuditLogOptions`.
   * @throws TypeError for a `log` without `write` and `append`, an unknown option or one of the
   *   wrong type; RangeError for an unknown format or time zone, or a time zone with `'json'`.
   */
  constructor(log: AuditSink, options: AuditLogOptions = {}) {
    checkSink(log)
    checkOptions(options)
    const { format = '1.4', timeZone, clock = new NanoClock() } = options
    this.#log = log
    this.#format = format
    this.#clock = clock
    this.#form = formOf(format, timeZone, clock)
    this.counters = new AuditCounters(log)
  }

  /** What is written, as in the options. */
  get format(): AuditLogFormat {
    return this.#format
  }

  /**
   * Hands the line of a request to the log's `write`. That the log asks to wait is not told here:
   * `response` tells it, or the log's own events.
   *
   * @returns the id, for the response.
   * @throws TypeError naming the field, what was expected and what came; nothing is written then.
   *   Whatever the log throws.
   */
  request(fields: AuditLogRequest): string {
    let id: string | undefined
    try {
      id = requestId(fields)
      this.#write(id, this.#form.requestLine(id, fields))
      return id
    } catch (error) {
      this.counters.countError(id, error)
      throw error
    }
  }

  /**
   * Hands the line of a response to the log's `write`.
   *
   * With `'json'` it says all of the request again, which is remembered by its id until the response
   * is complete: of 100,000 requests at most, the newest. Of others it says what is known.
   *
   * @param id what `request` returned.
   * @param code HTTP status code, 100 to 999, or 0 for none.
   * @param stage default `'ResponseComplete'`. With `'json'` a response may have two events:
   *   `'ResponseStarted'`, when its header is sent, and one of the others when it is over. The lines
   *   of Kubernetes have no `'ResponseStarted'`, and write `'Panic'` as any response.
   * @returns what the log said: false asks to wait before writing more.
   * @throws TypeError or RangeError for a wrong id, code or stage; nothing is written then. Whatever
   *   the log throws.
   */
  response(id: string, code: number, stage: ResponseStage = 'ResponseComplete'): boolean {
    try {
      return this.#write(id, this.#form.responseLine(id, code, stage))
    } catch (error) {
      this.counters.countError(id, error)
      throw error
    }
  }

  /**
   * As `request`, but by the log's `append`: resolves to the id when that resolves, so when the line
   * is acknowledged at the log's durability, and rejects as it does.
   *
   * Rejects with TypeError for a wrong field; nothing is written then.
   */
  async appendRequest(fields: AuditLogRequest): Promise<string> {
    let id: string | undefined
    try {
      id = requestId(fields)
      await this.handRequest(id, fields)
      return id
    } catch (error) {
      this.counters.countError(id, error)
      throw error
    }
  }

  /**
   * As `response`, but by the log's `append`: resolves when that resolves, so when the line is
   * acknowledged at the log's durability, and rejects as it does.
   *
   * Rejects with TypeError or RangeError for a wrong id, code or stage; nothing is written then.
   */
  async appendResponse(
    id: string,
    code: number,
    stage: ResponseStage = 'ResponseComplete',
  ): Promise<void> {
    try {
      await this.handResponse(id, code, stage)
    } catch (error) {
      this.counters.countError(id, error)
      throw error
    }
  }

  /** @internal The time as the lines have it. */
  now(): Instant {
    return this.#clock.now()
  }

  /**
   * @internal Hands the line of a request to the log's `append`, for who counts what fails himself.
   *
   * @returns the log's own promise: a `FileAppender` has one for all records of a batch.
   * @throws TypeError for a wrong field.
   */
  handRequest(id: string, fields: AuditRequestFields): Promise<void> {
    return this.#append(id, this.#form.requestLine(id, fields))
  }

  /** @internal As `handRequest`, of a response. */
  handResponse(id: string, code: number, stage: ResponseStage): Promise<void> {
    return this.#append(id, this.#form.responseLine(id, code, stage))
  }

  /**
   * How many lines were handed to the log, how many failed, and how many requests were refused for
   * it. What the log drops counts as failed where the log tells it, as a `FileAppender` does; a log
   * that others write to as well counts theirs along.
   */
  stats(): AuditStats {
    return this.counters.stats()
  }

  #write(id: string, line: string): boolean {
    this.counters.countEvent(id, line)
    const wantsMore = this.#log.write(line)
    if (!wantsMore) this.counters.countDropped(id)
    return wantsMore
  }

  #append(id: string, line: string): Promise<void> {
    this.counters.countEvent(id, line)
    return this.#log.append(line)
  }
}

function formOf(format: AuditLogFormat, timeZone: string | undefined, clock: NanoClock): LineForm {
  if (format === 'json') {
    if (timeZone === undefined) return new EventForm(clock)
    throw outOfRange('option timeZone', `none with format 'json', whose times are UTC`, timeZone)
  }
  if (format !== '1.4' && format !== '1.6') {
    throw outOfRange('option format', `'1.4', '1.6' or 'json'`, format)
  }
  const zone = timeZone ?? 'UTC'
  checkTimeZone(zone)
  return new KubernetesForm(format, clock, offsetSecondsIn(zone))
}

function requestId(fields: AuditLogRequest): string {
  checkObject('request', fields)
  const { id } = fields
  if (id === undefined || id === null) return newAuditId()
  if (typeof id !== 'string') throw wrongType('request.id', 'a string', id)
  return id
}

function checkSink(log: AuditSink): void {
  const given: Partial<AuditSink> | null | undefined = log
  if (typeof given?.write !== 'function' || typeof given.append !== 'function') {
    throw wrongType('log', 'an object with the methods write and append', log)
  }
}

function checkOptions(options: AuditLogOptions): void {
  checkObject('options', options)
  const { clock: _, ...others } = options
  checkOptionNames(others, OPTION_NAMES)
}

function checkTimeZone(timeZone: string): void {
  if (typeof timeZone !== 'string') throw wrongType('option timeZone', 'a string', timeZone)
  // `+02:00` is a time zone to some versions of Node and an error to others: here only names are.
  if (/^[+-]/.test(timeZone) || !isTimeZoneName(timeZone)) {
    throw outOfRange('option timeZone', `'UTC' or an IANA name`, timeZone)
  }
}

function isTimeZoneName(timeZone: string): boolean {
  try {
    // Asked of `Intl` itself, as `tzOffset` finds an offset even in `nonsense+02:00`.
    return Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** The offset of a zone from UTC in seconds, at a time in seconds since 1970. */
function offsetSecondsIn(timeZone: string): (seconds: number) => number {
  if (timeZone === 'UTC') return () => 0
  // RFC 3339 writes whole minutes. Zones had others only before 1972.
  return seconds => Math.trunc(tzOffset(timeZone, new Date(seconds * 1000))) * 60
}
