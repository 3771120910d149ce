import { tzOffset } from '@date-fns/tz/tzOffset'
import { closest } from 'fastest-levenshtein'
import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { NanoClock } from '../platform/nano-clock.js'
import { newAuditId } from './audit-id.js'
import { AFTER_TIME, checkFormat, checkObject, requestLine, responseLine } from './audit-line.js'
import type { AuditFormat, AuditRequestFields } from './audit-record.js'
import { goEscape } from './go-quote.js'
import { TimeWriter } from './rfc3339.js'

/** Where audit lines go: a `FileAppender`, or anything else with these two methods. */
export interface AuditSink {
  /** Takes one record; false asks to wait before the next, as a stream does. */
  write(record: string): boolean
  /** Takes one record; what a resolved promise means is up to the sink. */
  append(record: string): Promise<void>
}

/** Options of an `AuditLog`. */
export interface AuditLogOptions {
  /** The line format; default `'1.4'`. */
  readonly format?: AuditFormat | undefined
  /** In which zone times are written: `'UTC'`, the default, or an IANA name: `'Europe/Berlin'`. */
  readonly timeZone?: string | undefined
  /** @internal The time, for specs. */
  readonly clock?: NanoClock | undefined
}

/** What `AuditLog` takes of a request: the time is its own, and so is the id if none is given. */
export interface AuditLogRequest extends AuditRequestFields {
  /** Joins the request to its response; default a new random UUID, version 4, lower case. */
  readonly id?: string | null | undefined
}

const OPTION_NAMES = ['format', 'timeZone']

/**
 * Writes requests and responses as audit lines, each with the time of the call. Within one
 * `AuditLog` times never go backwards, also when the wall clock does: a record is chronological.
 *
 * @example
 * const audit = new AuditLog(log)
 * const id = audit.request({ ip: '127.0.0.1', method: 'GET', user: 'admin', uri: '/healthz' })
 * audit.response(id, 200)
 */
export class AuditLog {
  readonly #log: AuditSink
  readonly #format: AuditFormat
  readonly #clock: NanoClock
  readonly #timeWriter: TimeWriter

  /**
   * @param log where the lines go. It is the caller's, who closes it.
   * @param options see `AuditLogOptions`.
   * @throws TypeError for a `log` without `write` and `append`, an unknown option or one of the
   *   wrong type; RangeError for an unknown format or time zone.
   */
  constructor(log: AuditSink, options: AuditLogOptions = {}) {
    checkSink(log)
    checkOptions(options)
    const { format = '1.4', timeZone = 'UTC', clock = new NanoClock() } = options
    checkFormat('option format', format)
    checkTimeZone(timeZone)
    this.#log = log
    this.#format = format
    this.#clock = clock
    this.#timeWriter = new TimeWriter(offsetSecondsIn(timeZone), AFTER_TIME)
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
    const id = requestId(fields)
    this.#log.write(this.#requestLine(id, fields))
    return id
  }

  /**
   * Hands the line of a response to the log's `write`.
   *
   * @param id what `request` returned.
   * @param code HTTP status code, 100 to 999, or 0 for none.
   * @returns what the log said: false asks to wait before writing more.
   * @throws TypeError or RangeError for a wrong id or code; nothing is written then. Whatever the
   *   log throws.
   */
  response(id: string, code: number): boolean {
    return this.#log.write(this.#responseLine(id, code))
  }

  /**
   * As `request`, but by the log's `append`: resolves to the id when that resolves, so when the line
   * is acknowledged at the log's durability, and rejects as it does.
   *
   * Rejects with TypeError for a wrong field; nothing is written then.
   */
  async appendRequest(fields: AuditLogRequest): Promise<string> {
    const id = requestId(fields)
    await this.#log.append(this.#requestLine(id, fields))
    return id
  }

  /**
   * As `response`, but by the log's `append`: resolves when that resolves, so when the line is
   * acknowledged at the log's durability, and rejects as it does.
   *
   * Rejects with TypeError or RangeError for a wrong id or code; nothing is written then.
   */
  async appendResponse(id: string, code: number): Promise<void> {
    await this.#log.append(this.#responseLine(id, code))
  }

  #requestLine(id: string, fields: AuditLogRequest): string {
    return requestLine(this.#begin(), id, fields, this.#format)
  }

  #responseLine(id: string, code: number): string {
    if (typeof id !== 'string') throw wrongType('response.id', 'a string', id)
    return responseLine(this.#begin(), goEscape(id), code)
  }

  #begin(): string {
    const { seconds, nanos } = this.#clock.now()
    return this.#timeWriter.write(seconds, nanos)
  }
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
  for (const name of Object.keys(options)) {
    if (name !== 'clock' && !OPTION_NAMES.includes(name)) {
      const nearest = closest(name, OPTION_NAMES)
      throw new TypeError(`option ${name}: there is no such option; the nearest is ${nearest}`)
    }
  }
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
