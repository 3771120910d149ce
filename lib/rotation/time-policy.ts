import { millisecondsInDay, millisecondsInWeek } from 'date-fns/constants'
import { milliseconds } from 'date-fns/milliseconds'
import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { parseDuration, type DurationLike } from '../arguments/duration.js'
import type { RotationPolicy } from './rotation-policy.js'
import { parseTimeZone, ZonedClock } from './zoned-clock.js'

/** By which clock `every` goes. */
export interface EveryOptions {
  /**
   * An IANA name such as `'Europe/Berlin'`; the machine's own is
   * `Intl.DateTimeFormat().resolvedOptions().timeZone`. Default: `'UTC'`.
   */
  timeZone?: string | undefined
}

/** When `daily` rotates. */
export interface DailyOptions extends EveryOptions {
  /** A local time, `'HH:MM'` or `'HH:MM:SS'`, before 24:00. Default: `'00:00'`. */
  at?: string | undefined
}

/** The marks on the face of a clock: from a local time to the next one after it. */
type NextMark = (local: number) => number

/** From the time when a file is opened to the one when it is closed. */
type NextTime = (time: number) => number

/** 1970-01-05, from where whole weeks are counted. */
const FIRST_MONDAY_MS = 4 * millisecondsInDay

const LONGEST_MS = milliseconds({ years: 1000 })

const ALIGNED = `a duration that fits the clock: shorter than a day, whole days or weeks ('1d', '2w'), or whole months and years by themselves ({ months: 3 }); no longer than 1000 years`

/**
 * Rotates at even times of the clock, however old the file is.
 *
 * - Shorter than a day: counted from each local midnight. `'15m'` is :00, :15, :30 and :45; `'5h'` is
 *   00:00, 05:00, 10:00, 15:00, 20:00, and midnight again.
 * - Whole days: local midnights, counted from 1970-01-01, and whole weeks from Monday 1970-01-05: so
 *   `'1d'` is each midnight and `'1w'` each Monday's. `'24h'` is a day and `'7d'` a week.
 * - Months and years of a `Duration`: the first of a month, counted from January of the year 0. So
 *   `{ months: 3 }` is the quarters of a year.
 *
 * A local time that daylight saving skips counts at the first later instant. One that it repeats
 * counts the first time, and again where that is at least the duration later: `'1h'` gives two files
 * for an hour that comes twice, `'2h'` does not cut one short.
 *
 *     every('1h')
 *     every({ weeks: 1 }, { timeZone: 'Europe/Berlin' })
 *
 * @param duration a date-fns `Duration`, or text (ms, s, m for minutes, h, d, w).
 * @throws TypeError or RangeError for anything else, for a duration that does not fit the clock
 *   (`'36h'`, `{ months: 1, days: 1 }`), and for a zone that is not known.
 */
export function every(duration: DurationLike, options: EveryOptions = {}): RotationPolicy {
  const { timeZone = 'UTC' } = checkKeys('every(options)', options, ['timeZone'])
  const clock = new ZonedClock(parseTimeZone('every(options).timeZone', timeZone))
  const durationMs = parseDuration('every(duration)', duration)
  if (durationMs > LONGEST_MS) throw outOfRange('every(duration)', ALIGNED, duration)
  const months = monthsIn(duration)
  if (months > 0) return untilNext(firstTime(clock, monthMarks(months)))
  if (durationMs < millisecondsInDay) return untilNext(eachTime(clock, durationMs))
  if (durationMs % millisecondsInDay > 0) throw outOfRange('every(duration)', ALIGNED, duration)
  return untilNext(firstTime(clock, dayMarks(durationMs)))
}

/**
 * Rotates once a day, at a local time. One that daylight saving skips counts at the first later
 * instant, and one that it repeats the first time only.
 *
 *     daily({ at: '02:30', timeZone: 'America/New_York' })
 *
 * @throws TypeError or RangeError for what is no local time, and for a zone that is not known.
 */
export function daily(options: DailyOptions = {}): RotationPolicy {
  const { at = '00:00', timeZone = 'UTC' } = checkKeys('daily(options)', options, [
    'at',
    'timeZone',
  ])
  const atMs = parseLocalTime('daily(options).at', at)
  const clock = new ZonedClock(parseTimeZone('daily(options).timeZone', timeZone))
  return untilNext(firstTime(clock, countedFrom(atMs, millisecondsInDay)))
}

function untilNext(nextTime: NextTime): RotationPolicy {
  return ({ openedAt }) => ({ until: new Date(nextTime(openedAt.getTime())) })
}

/** Each mark counts once: when the clock shows it, or skips it, for the first time. */
function firstTime(clock: ZonedClock, nextMark: NextMark): NextTime {
  return time => clock.firstShowing(nextMark(clock.latestShown(time)))
}

/**
 * A mark counts again when a clock that was set back shows it at least `durationMs` after the first
 * time. All marks that come again do so after the same time, so the first of them tells for all.
 */
function eachTime(clock: ZonedClock, durationMs: number): NextTime {
  const nextMark = partsOfDay(durationMs)
  const nextFirst = firstTime(clock, nextMark)
  return time => {
    const first = nextFirst(time)
    for (const { start, end, offsetMs } of clock.stretches(time + 1, first)) {
      const mark = nextMark(start + offsetMs - 1)
      const again = mark - offsetMs
      if (again < end && again - clock.firstShowing(mark) >= durationMs) return again
    }
    return first
  }
}

function partsOfDay(durationMs: number): NextMark {
  const nextMidnight = countedFrom(0, millisecondsInDay)
  return local => {
    const midnight = nextMidnight(local)
    return Math.min(midnight, countedFrom(midnight - millisecondsInDay, durationMs)(local))
  }
}

function dayMarks(durationMs: number): NextMark {
  return countedFrom(durationMs % millisecondsInWeek === 0 ? FIRST_MONDAY_MS : 0, durationMs)
}

function countedFrom(start: number, stepMs: number): NextMark {
  return local => start + (Math.floor((local - start) / stepMs) + 1) * stepMs
}

function monthMarks(months: number): NextMark {
  return local => {
    const date = new Date(local)
    const month = date.getUTCFullYear() * 12 + date.getUTCMonth()
    const next = (Math.floor(month / months) + 1) * months
    return Date.UTC(2000, next - 2000 * 12) // Date.UTC takes a year below 100 for one of 1900
  }
}

/** Whole months, 0 where it is a duration in other units. */
function monthsIn(duration: DurationLike): number {
  if (typeof duration === 'string') return 0
  const { years = 0, months = 0, ...others } = duration
  const all = years * 12 + months
  if (all > 0 && !(Number.isInteger(all) && milliseconds(others) === 0)) {
    throw outOfRange('every(duration)', ALIGNED, duration)
  }
  return all
}

function parseLocalTime(name: string, text: string): number {
  const expected = `a local time 'HH:MM' or 'HH:MM:SS', from 00:00 to 23:59:59`
  if (typeof text !== 'string') throw wrongType(name, expected, text)
  const parts = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text)
  if (!parts) throw outOfRange(name, expected, text)
  const [hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map(part => Number(part ?? 0))
  return milliseconds({ hours, minutes, seconds })
}

function checkKeys<Options extends object>(
  name: string,
  options: Options,
  known: readonly (keyof Options & string)[],
): Options {
  const expected = `{ ${known.map(key => `${key}?`).join(', ')} }`
  if (typeof options !== 'object' || options === null) throw wrongType(name, expected, options)
  for (const [key, value] of Object.entries(options)) {
    if (!known.some(one => one === key)) throw wrongType(name, expected, { [key]: value })
  }
  return options
}
