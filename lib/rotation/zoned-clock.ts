import { tzOffset } from '@date-fns/tz/tzOffset'
import { millisecondsInDay, millisecondsInHour, millisecondsInMinute } from 'date-fns/constants'
import { outOfRange, wrongType } from '../arguments/argument-error.js'

/** A stretch of time in which a zone keeps to one offset: from `start` to just before `end`. */
interface Stretch {
  readonly start: number
  readonly end: number
  readonly offsetMs: number
}

/**
 * No offset from UTC ever was larger: Manila was at -15:56:08 until 1844, Metlakatla at +15:13:42
 * until 1867 (https://github.com/eggert/tz, `asia` and `northamerica`).
 */
const LARGEST_OFFSET_MS = 16 * millisecondsInHour

/** No clock was ever set back by more: a place that changes sides of the date line. */
const LARGEST_STEP_BACK_MS = millisecondsInDay

/**
 * Offsets are looked up this far apart. In tzdata 2025b the nearest two changes of a zone are 95
 * hours apart (Freetown, 1939), and since 1970 they are 167 (Recife, 2000).
 */
const LOOK_MS = millisecondsInDay / 2

/**
 * The clock on the wall of a time zone, which daylight saving sets forward and back.
 *
 * A local time is a number too: the milliseconds since 1970-01-01 00:00 that one would count if all
 * days had 24 hours. So a local day is always 86,400,000 long, and `new Date(local)` shows it in its
 * UTC fields. What is no time gives what is none (NaN).
 */
export class ZonedClock {
  readonly #timeZone: string

  /** @param timeZone a name that `parseTimeZone` has let pass. */
  constructor(timeZone: string) {
    this.#timeZone = timeZone
  }

  /**
   * The latest local time that the clock has shown up to an instant, that one included. Later than
   * what it shows now, if it was set back a short time ago.
   */
  latestShown(time: number): number {
    let latest = -Infinity
    for (const { end, offsetMs } of this.stretches(time - LARGEST_STEP_BACK_MS, time + 1)) {
      latest = Math.max(latest, end - 1 + offsetMs)
    }
    return latest
  }

  /**
   * The first instant at which the clock shows a local time, or a later one because it skips this
   * one. So `firstShowing(local) > time` just where `local > latestShown(time)`.
   */
  firstShowing(local: number): number {
    const latest = local + LARGEST_OFFSET_MS
    for (const { start, end, offsetMs } of this.stretches(local - LARGEST_OFFSET_MS, latest)) {
      const time = Math.max(start, local - offsetMs)
      if (time < end) return time
    }
    return latest
  }

  /** The stretches of one offset between two instants, in order; together from `from` to `to`. */
  stretches(from: number, to: number): Stretch[] {
    const found: Stretch[] = []
    let start = from
    let offsetMs = this.#offsetAt(from)
    for (let seen = from; seen < to;) {
      const next = Math.min(seen + LOOK_MS, to)
      if (this.#offsetAt(next) === offsetMs) {
        seen = next
        continue
      }
      seen = this.#changeIn(seen, next, offsetMs)
      if (seen >= to) break
      found.push({ start, end: seen, offsetMs })
      start = seen
      offsetMs = this.#offsetAt(seen)
    }
    found.push({ start, end: to, offsetMs })
    return found
  }

  /** The first instant after `before` with another offset than there; `after` has one. */
  #changeIn(before: number, after: number, offsetMs: number): number {
    let [low, high] = [before, after]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#offsetAt(middle) === offsetMs) low = middle
      else high = middle
    }
    return high
  }

  /** Local time minus UTC. Outside of what a `Date` can tell there is no offset: 0 will do. */
  #offsetAt(time: number): number {
    // In minutes, with the seconds that offsets had before 1972 as a fraction.
    const minutes = tzOffset(this.#timeZone, new Date(time)) || 0
    return Math.round(minutes * millisecondsInMinute)
  }
}

/**
 * Checks the name of a time zone.
 *
 * @param name how an error calls the argument.
 * @param timeZone an IANA name such as `'Europe/Berlin'`, or `'UTC'`: what this `Intl` knows.
 * @throws TypeError for another type, RangeError for a zone that is not known.
 */
export function parseTimeZone(name: string, timeZone: string): string {
  const expected = `the IANA name of a time zone, such as 'Europe/Berlin', or 'UTC'`
  if (typeof timeZone !== 'string') throw wrongType(name, expected, timeZone)
  if (!isKnown(timeZone)) throw outOfRange(name, expected, timeZone)
  return timeZone
}

function isKnown(timeZone: string): boolean {
  try {
    return Intl.DateTimeFormat('en-US', { timeZone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
