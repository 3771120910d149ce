import { expect } from 'chai'
import * as fc from 'fast-check'
import type { DurationLike } from '../../lib/arguments/duration.js'
import type { RotationPolicy } from '../../lib/rotation/rotation-policy.js'
import { daily, every } from '../../lib/rotation/time-policy.js'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const FROM = Date.UTC(1995, 0, 1)
const TO = Date.UTC(2025, 0, 1)

/** What was odd in these 30 years, where it is not known from everywhere. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo', // skips midnight, and comes back to it
  'America/Havana', // midnight twice
  'America/St_Johns', // changes a minute after midnight
  'Africa/Cairo', // skips midnight; none for years
  'Africa/Casablanca', // set back for Ramadan
  'Asia/Kathmandu', // 5:45
  'Asia/Gaza', // changes after midnight, each year otherwise
  'Australia/Lord_Howe', // half an hour
  'Antarctica/Troll', // two hours
  'Antarctica/Casey', // three hours
  'Pacific/Apia', // skips a day
  'Pacific/Kiritimati', // UTC+14
] as const

type Zone = (typeof ZONES)[number]

/**
 * The reference: a clock that is looked at minute for minute. It knows of zones by the fields that
 * `Intl` prints, and takes for granted that a clock is set at the start of a minute only.
 */
const formats = new Map<string, Intl.DateTimeFormat>()

function shownAt(zone: string, time: number): number {
  let format = formats.get(zone)
  if (!format) {
    const [numeric, hourCycle] = ['numeric', 'h23'] as const
    const date = { era: 'short', year: numeric, month: numeric, day: numeric } as const
    const clock = { hour: numeric, minute: numeric, second: numeric, hourCycle } as const
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, ...date, ...clock })
    formats.set(zone, format)
  }
  const fields = new Map(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
  const field = (name: Intl.DateTimeFormatPartTypes): number => fields.get(name) ?? NaN
  const date = Date.UTC(field('year'), field('month') - 1, field('day'))
  return date + ((field('hour') * 60 + field('minute')) * 60 + field('second')) * 1000
}

/** Marks from one local time to just before another. */
type Marks = (from: number, to: number) => number[]

/** Each minute from one instant on, with what the clock shows then. */
function* minutesFrom(zone: string, from: number): Generator<[time: number, shown: number]> {
  for (let hour = from, shown = shownAt(zone, from); ; hour += HOUR_MS) {
    const after = shownAt(zone, hour + HOUR_MS)
    const plain = after - shown === HOUR_MS
    for (let past = 0; past < HOUR_MS; past += MINUTE_MS) {
      yield [hour + past, plain ? shown + past : shownAt(zone, hour + past)]
    }
    shown = after
  }
}

/** Looks on from six hours before: longer than a clock was set back in these years. */
function referenceUntil(zone: string, marks: Marks, againMs: number, openedAt: number): number {
  const firstTimes = new Map<number, number>()
  const begin = Math.floor(openedAt / MINUTE_MS) * MINUTE_MS - 6 * HOUR_MS
  let due = shownAt(zone, begin)
  for (const [time, shown] of minutesFrom(zone, begin)) {
    const skipped = shown > due ? marks(due, shown) : []
    for (const mark of skipped) if (!firstTimes.has(mark)) firstTimes.set(mark, time)
    if (time > openedAt && skipped.some(mark => firstTimes.get(mark) === time)) return time
    for (const mark of marks(shown, shown + MINUTE_MS)) {
      const at = time + (mark - shown)
      const first = firstTimes.get(mark)
      if (first === undefined) firstTimes.set(mark, at)
      if (at > openedAt && (first === undefined || at - first >= againMs)) return at
    }
    due = shown + MINUTE_MS
  }
  throw new Error('there is always a next minute')
}

/** Marks within days, from what one day has. */
const onDays =
  (inDay: (day: number, from: number, to: number) => number[]): Marks =>
  (from, to) => {
    const marks: number[] = []
    for (let day = Math.floor(from / DAY_MS) * DAY_MS; day < to; day += DAY_MS) {
      for (const mark of inDay(day, Math.max(from, day), Math.min(to, day + DAY_MS)))
        marks.push(mark)
    }
    return marks
  }

const onceADay = (atMs: number, isDay: (day: number) => boolean = () => true): Marks =>
  onDays((day, from, to) => {
    const mark = day + atMs
    return mark >= from && mark < to && isDay(day) ? [mark] : []
  })

const partsOfDay = (stepMs: number): Marks =>
  onDays((day, from, to) => {
    const marks: number[] = []
    let mark = from - ((from - day) % stepMs)
    for (; mark < to; mark += stepMs) if (mark >= from) marks.push(mark)
    return marks
  })

const weekday = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', weekday: 'short' })
const monthAndDay = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', dateStyle: 'short' })
const isMonday = (day: number): boolean => weekday.format(day) === 'Mon'

/** Durations, each with its marks, and from when on a mark counts again. */
const DURATIONS: readonly (readonly [DurationLike, Marks, number])[] = [
  ...(['7s', '1m', '10m', '15m', '30m', '40m', '1h', '90m', '2h', '3h', '5h', '6h'] as const).map(
    text => {
      const ms = Number.parseInt(text) * { s: 1000, m: MINUTE_MS, h: HOUR_MS }[text.at(-1)!]!
      return [text, partsOfDay(ms), ms] as const
    },
  ),
  ['500ms', partsOfDay(500), 500],
  [{ hours: 23, minutes: 59 }, partsOfDay(DAY_MS - MINUTE_MS), DAY_MS - MINUTE_MS],
  ['1d', onceADay(0), Infinity],
  [{ hours: 72 }, onceADay(0, day => (day / DAY_MS) % 3 === 0), Infinity],
  ['7d', onceADay(0, isMonday), Infinity],
  [{ months: 1 }, onceADay(0, day => /^\d+\/1\//.test(monthAndDay.format(day))), Infinity],
  [{ months: 3 }, onceADay(0, day => /^(?:1|4|7|10)\/1\//.test(monthAndDay.format(day))), Infinity],
]

/** The days in which a zone's clock was set, to the half day. */
const changes = new Map<Zone, number[]>(
  ZONES.map(zone => {
    const found: number[] = []
    for (let time = FROM, offset = NaN; time < TO; time += DAY_MS / 2) {
      const now = shownAt(zone, time) - time
      if (now !== offset && time > FROM) found.push(time)
      offset = now
    }
    return [zone, found]
  }),
)

/** A zone and an instant, most often near a change, and often at a full minute of it. */
const moment = fc.constantFrom(...ZONES).chain(zone => {
  const all = changes.get(zone)!
  const anyTime = fc.integer({ min: FROM, max: TO })
  if (all.length === 0) return fc.record({ zone: fc.constant(zone), time: anyTime })
  const near = fc
    .tuple(fc.constantFrom(...all), fc.integer({ min: -40 * 60, max: 24 * 60 }))
    .map(([change, minutes]) => change + minutes * MINUTE_MS)
  const nearAnyMs = fc.tuple(near, fc.nat(MINUTE_MS)).map(([time, ms]) => time + ms)
  return fc.record({
    zone: fc.constant(zone),
    time: fc.oneof(anyTime, { arbitrary: near, weight: 2 }, { arbitrary: nearAnyMs, weight: 2 }),
  })
})

const PATH = '/logs/audit.log'

function untilOf(policy: RotationPolicy, time: number): number {
  return policy({ path: PATH, openedAt: new Date(time), bytes: 0 }).until?.getTime() ?? NaN
}

const text = (time: number): string => new Date(time).toISOString()

describe('daily', () => {
  it('is the next mark that a clock shows or skips, in any zone', () => {
    const local = fc.oneof(
      fc.tuple(fc.constantFrom(0, 1, 2, 3, 23), fc.constantFrom(0, 1, 30, 59), fc.constant(0)),
      fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)),
    )
    fc.assert(
      fc.property(moment, local, ({ zone, time }, [hours, minutes, seconds]) => {
        const at = [hours, minutes, seconds].map(part => String(part).padStart(2, '0')).join(':')
        const atMs = hours * HOUR_MS + minutes * MINUTE_MS + seconds * 1000
        const until = untilOf(daily({ at, timeZone: zone }), time)
        expect(until).to.be.greaterThan(time)
        const expected = referenceUntil(zone, onceADay(atMs), Infinity, time)
        expect(text(until), `${at} after ${text(time)}`).to.equal(text(expected))
      }),
      { numRuns: 1500 },
    )
  })
})

describe('every', () => {
  it('is the next mark that a clock shows or skips, or shows again, in any zone', () => {
    fc.assert(
      fc.property(
        moment,
        fc.constantFrom(...DURATIONS),
        ({ zone, time }, [duration, marks, againMs]) => {
          const until = untilOf(every(duration, { timeZone: zone }), time)
          expect(until).to.be.greaterThan(time)
          const expected = referenceUntil(zone, marks, againMs, time)
          expect(text(until), `after ${text(time)}`).to.equal(text(expected))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('answers the same for any file opened before its time, and a later time for one after', () => {
    fc.assert(
      fc.property(
        moment,
        fc.constantFrom(...DURATIONS),
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ zone, time }, [duration], part) => {
          const policy = every(duration, { timeZone: zone })
          const until = untilOf(policy, time)
          const between = Math.floor(time + (until - 1 - time) * part)
          expect(text(untilOf(policy, between)), text(between)).to.equal(text(until))
          expect(untilOf(policy, until)).to.be.greaterThan(until)
        },
      ),
      { numRuns: 1000 },
    )
  })

  for (const zone of ZONES) {
    it(`makes no file of two hours where it is to make files of one, in ${zone}`, () => {
      const policy = every('1h', { timeZone: zone })
      // Half an hour that comes twice is no reason to repeat a mark that is an hour long.
      const longestMs = zone === 'Australia/Lord_Howe' ? 1.5 * HOUR_MS : HOUR_MS
      for (const change of changes.get(zone)!) {
        let time = change - DAY_MS
        while (time < change + DAY_MS / 2) {
          const until = untilOf(policy, time)
          expect(until, text(time)).to.be.within(time + 1, time + longestMs)
          time = until
        }
      }
    })
  }
})
