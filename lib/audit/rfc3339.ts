import { isDate } from 'node:util/types'
import { outOfRange, wrongType } from '../arguments/argument-error.js'

const NANOS_PER_SECOND = 1_000_000_000n

/** The first second of year 0000: RFC 3339 has no sign for a year before it. */
const FIRST_SECONDS = -62_167_219_200

/** The last second of year 9999: the last that RFC 3339 can write with its four digits. */
const LAST_RFC_SECONDS = 253_402_300_799

/** The last second that a `Date` holds, in the year 275760. */
const LAST_DATE_SECONDS = 8_640_000_000_000

const DAY_SECONDS = 86_400

const FULL_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/

/** `'000'` to `'999'`: making them anew would cost more than all the rest of a time. */
const THREE_DIGITS = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'))

/** The same behind a dot. */
const DOT_DIGITS = THREE_DIGITS.map(digits => `.${digits}`)

/** `THREE_DIGITS` without trailing zeros; nothing for 0. */
const TRIMMED_DIGITS = THREE_DIGITS.map(digits => digits.replace(/0+$/, ''))

/**
 * Writes a time as Go's `time.RFC3339Nano` (https://pkg.go.dev/time#pkg-constants): nanoseconds
 * without trailing zeros, no dot when all are zero, `Z` exactly at offset 0.
 *
 * @param unixNs nanoseconds since 1970, UTC.
 * @param offsetSeconds the time zone's distance from UTC, in whole seconds, positive in the east;
 *   default 0. The text shows it in minutes, the rest cut off, as Go does.
 * @returns for example `2016-09-07T15:03:57.400333046+02:00`. Years above 9999, which RFC 3339 does
 *   not know, are written with all their digits, as Go does.
 * @throws TypeError if `unixNs` is no bigint or `offsetSeconds` no integer. RangeError for an offset
 *   of a day or more, for a time before year 0000 and for one after 275760-09-13, at its offset.
 */
export function rfc3339Nano(unixNs: bigint, offsetSeconds = 0): string {
  if (typeof unixNs !== 'bigint') {
    throw wrongType('rfc3339Nano(unixNs)', 'a bigint, nanoseconds since 1970', unixNs)
  }
  checkOffset('rfc3339Nano(offsetSeconds)', offsetSeconds)
  const { seconds, nanos } = splitNs(unixNs)
  const localSeconds = seconds + offsetSeconds
  if (localSeconds < FIRST_SECONDS || localSeconds > LAST_DATE_SECONDS) {
    throw outOfRange('rfc3339Nano(unixNs)', 'a time from year 0000 to 275760-09-13', unixNs)
  }
  return secondText(localSeconds) + fractionText(nanos) + zoneText(offsetSeconds)
}

/**
 * Writes the time of an audit line: as `rfc3339Nano`, but only times that read back as themselves.
 *
 * @param name what the time belongs to, for the error: `request`.
 * @throws as `rfc3339Nano`; RangeError too for a year above 9999 and for an offset that is not whole
 *   minutes, because the text could not say it.
 */
export function lineTime(name: string, unixNs: bigint, offsetSeconds: number): string {
  if (typeof unixNs !== 'bigint') {
    throw wrongType(`${name}.time`, 'a bigint, nanoseconds since 1970', unixNs)
  }
  checkOffset(`${name}.offset`, offsetSeconds)
  if (offsetSeconds % 60 !== 0) {
    throw outOfRange(`${name}.offset`, 'whole minutes, in seconds', offsetSeconds)
  }
  const { seconds, nanos } = splitNs(unixNs)
  const localSeconds = seconds + offsetSeconds
  if (localSeconds < FIRST_SECONDS || localSeconds > LAST_RFC_SECONDS) {
    throw outOfRange(`${name}.time`, 'a time in the years 0000 to 9999', unixNs)
  }
  return secondText(localSeconds) + fractionText(nanos) + zoneText(offsetSeconds)
}

/**
 * Writes a time as Kubernetes' events have it: UTC, with exactly six digits, the rest cut off
 * (https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#MicroTime).
 *
 * @param seconds whole seconds since 1970, in the years 0000 to 9999.
 * @param nanos nanoseconds in that second, 0 to 999999999.
 * @returns for example `2016-09-07T13:03:57.400333Z`.
 */
export function microTime(seconds: number, nanos: number): string {
  const micros = (nanos / 1000) | 0
  const ms = (micros / 1000) | 0
  return `${msText(seconds * 1000 + ms)}${THREE_DIGITS[micros - ms * 1000]!}Z`
}

/**
 * As `microTime`, for a time that somebody gives.
 *
 * @param name what the time is, for the error: `event.stageTimestamp`.
 * @throws TypeError for what is neither a bigint nor a Date; RangeError for a Date that is none and
 *   for a time outside the years 0000 to 9999.
 */
export function microTimeOf(name: string, time: bigint | Date): string {
  const { seconds, nanos } = splitNs(unixNsOf(name, time))
  if (seconds < FIRST_SECONDS || seconds > LAST_RFC_SECONDS) {
    throw outOfRange(name, 'a time in the years 0000 to 9999', time)
  }
  return microTime(seconds, nanos)
}

/**
 * Gives nanoseconds since 1970 for a bigint that is that, or a Date.
 *
 * @param name what the time is, for the error.
 * @throws TypeError for anything else, RangeError for a Date that is none.
 */
export function unixNsOf(name: string, time: bigint | Date): bigint {
  if (typeof time === 'bigint') return time
  if (!isDate(time)) throw wrongType(name, 'a Date or a bigint', time)
  if (Number.isNaN(time.getTime())) throw outOfRange(name, 'a valid Date', time)
  return BigInt(time.getTime()) * 1_000_000n
}

/** A time as a line shows it: nanoseconds since 1970, and seconds east of UTC. */
export interface LineTime {
  readonly time: bigint
  readonly offset: number
}

/**
 * Reads what `lineTime` wrote, and nothing else: its exact inverse.
 *
 * @returns undefined for any other text.
 */
export function parseLineTime(text: string): LineTime | undefined {
  const match = FULL_TIME.exec(text)
  if (match === null) return undefined
  const [, second, fraction = '', sign, hours = '0', minutes = '0'] = match
  const offsetSeconds = (sign === '-' ? -60 : 60) * (Number(hours) * 60 + Number(minutes)) || 0
  const localMs = Date.parse(`${second}Z`)
  if (Number.isNaN(localMs) || Math.abs(offsetSeconds) >= DAY_SECONDS) return undefined
  const seconds = localMs / 1000 - offsetSeconds
  const time = BigInt(seconds) * NANOS_PER_SECOND + BigInt(fraction.padEnd(9, '0'))
  // `Date.parse` takes 30 February for 1 March, and `+00:00` is `Z`: both are no text of ours.
  if (lineTime('line', time, offsetSeconds) !== text) return undefined
  return { time, offset: offsetSeconds }
}

/**
 * Writes the same text as `rfc3339Nano` for times that mostly lie in the millisecond of the one
 * before: there everything is written already but six digits. For the path of every record, where
 * each piece that a text is put together from costs.
 */
export class TimeWriter {
  readonly #offsetSecondsAt: (seconds: number) => number
  readonly #after: string
  #seconds = Number.NaN
  #localSeconds = Number.NaN
  #ms = Number.NaN
  #msText = ''
  #ending = ''
  /** The ending behind each last three digits, as far as they came up. */
  #endings: string[] = []

  /**
   * @param offsetSecondsAt the offset from UTC, in seconds, at a time in seconds since 1970; asked
   *   at most once for the times of one second.
   * @param after what is to follow each time.
   */
  constructor(offsetSecondsAt: (seconds: number) => number, after = '') {
    this.#offsetSecondsAt = offsetSecondsAt
    this.#after = after
  }

  /**
   * @param seconds whole seconds since 1970.
   * @param nanos nanoseconds in that second, 0 to 999999999.
   */
  write(seconds: number, nanos: number): string {
    if (seconds !== this.#seconds) this.#turnTo(seconds)
    const micros = (nanos / 1000) | 0
    const ms = (micros / 1000) | 0
    const lowest = nanos - micros * 1000
    if (lowest === 0) return secondText(this.#localSeconds) + fractionText(nanos) + this.#ending
    if (ms !== this.#ms) {
      this.#ms = ms
      this.#msText = msText(this.#localSeconds * 1000 + ms)
    }
    const ending = (this.#endings[lowest] ??= TRIMMED_DIGITS[lowest]! + this.#ending)
    return this.#msText + (THREE_DIGITS[micros - ms * 1000]! + ending)
  }

  #turnTo(seconds: number): void {
    const offsetSeconds = this.#offsetSecondsAt(seconds)
    const ending = zoneText(offsetSeconds) + this.#after
    if (ending !== this.#ending) this.#endings = []
    this.#ending = ending
    this.#seconds = seconds
    this.#localSeconds = seconds + offsetSeconds
    this.#ms = Number.NaN
  }
}

function checkOffset(name: string, offsetSeconds: number): void {
  if (!Number.isInteger(offsetSeconds)) {
    throw wrongType(name, 'an integer, seconds east of UTC', offsetSeconds)
  }
  if (Math.abs(offsetSeconds) >= DAY_SECONDS) {
    throw outOfRange(name, 'less than a day, in seconds', offsetSeconds)
  }
}

/** Rounds down, as a time before 1970 too lies after the beginning of its second. */
function splitNs(unixNs: bigint): { seconds: number; nanos: number } {
  const remainder = unixNs % NANOS_PER_SECOND
  const nanos = remainder < 0n ? remainder + NANOS_PER_SECOND : remainder
  return { seconds: Number((unixNs - nanos) / NANOS_PER_SECOND), nanos: Number(nanos) }
}

function secondText(localSeconds: number): string {
  return msText(localSeconds * 1000).slice(0, -'.000'.length)
}

function msText(localMs: number): string {
  // `toISOString` writes years above 9999 with a sign and six digits.
  return new Date(localMs).toISOString().slice(0, -1).replace(/^\+0?/, '')
}

/** The dot and the digits behind it, without trailing zeros; nothing when all are zero. */
function fractionText(nanos: number): string {
  const micros = (nanos / 1000) | 0
  const ms = (micros / 1000) | 0
  const lowest = nanos - micros * 1000
  const middle = micros - ms * 1000
  if (lowest !== 0) return DOT_DIGITS[ms]! + THREE_DIGITS[middle]! + TRIMMED_DIGITS[lowest]!
  if (middle !== 0) return DOT_DIGITS[ms]! + TRIMMED_DIGITS[middle]!
  return ms === 0 ? '' : `.${TRIMMED_DIGITS[ms]}`
}

function zoneText(offsetSeconds: number): string {
  if (offsetSeconds === 0) return 'Z'
  const minutes = Math.trunc(offsetSeconds / 60)
  // Less than a minute west of UTC is `+00:00` to Go: the sign is that of the whole minutes.
  const sign = minutes < 0 ? '-' : '+'
  const hours = Math.trunc(Math.abs(minutes) / 60)
  return `${sign}${twoDigits(hours)}:${twoDigits(Math.abs(minutes) % 60)}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
