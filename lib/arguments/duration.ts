import type { Duration } from 'date-fns'
import { milliseconds } from 'date-fns/milliseconds'
import { outOfRange, wrongType } from './argument-error.js'

/** A length of time: a date-fns `Duration`, or text such as `'30d'`. */
export type DurationLike = Duration | string

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const FIELDS: ReadonlySet<string> = new Set([
  'years',
  'months',
  'weeks',
  'days',
  'hours',
  'minutes',
  'seconds',
])

const EXPECTED = `a duration longer than nothing: a date-fns Duration such as { days: 30 }, or a text such as '30d' (ms, s, m for minutes, h, d, w)`

/**
 * Reads a duration. A day is 24 hours, whatever daylight saving does; a month and a year in a
 * `Duration` have the average length that date-fns' `milliseconds` gives them.
 *
 * @param name how an error calls the argument.
 * @returns whole milliseconds, more than 0.
 * @throws TypeError for another type or an unknown field, RangeError for a value that is no
 *   duration longer than nothing.
 */
export function parseDuration(name: string, duration: DurationLike): number {
  const ms = Math.round(
    typeof duration === 'string' ? msInText(duration) : msInFields(name, duration),
  )
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER)) throw outOfRange(name, EXPECTED, duration)
  return ms
}

function msInText(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(ms|[smhdw])$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return NaN
  return Number(amount) * (UNIT_MS[unit] ?? NaN)
}

function msInFields(name: string, duration: Duration): number {
  if (typeof duration !== 'object' || duration === null) throw wrongType(name, EXPECTED, duration)
  for (const [field, amount] of Object.entries(duration)) {
    if (!FIELDS.has(field)) throw wrongType(name, EXPECTED, duration)
    if (amount !== undefined && !(Number.isFinite(amount) && amount >= 0)) return NaN
  }
  return milliseconds(duration)
}
