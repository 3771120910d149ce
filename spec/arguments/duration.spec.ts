import { expect } from 'chai'
import { milliseconds } from 'date-fns/milliseconds'
import { parseDuration } from '../../lib/arguments/duration.js'
import { mistyped } from '../audit/mistyped.js'

const DAY_MS = 86_400_000

describe('parseDuration', () => {
  for (const [text, ms] of [
    ['1ms', 1],
    ['1s', 1000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['1d', DAY_MS],
    ['1w', 7 * DAY_MS],
    ['30d', 30 * DAY_MS],
    ['1.5h', 5_400_000],
    ['0.5s', 500],
  ] as const) {
    it(`reads '${text}' as ${ms} ms`, () => expect(parseDuration('age', text)).to.equal(ms))
  }

  for (const [duration, ms] of [
    [{ seconds: 1 }, 1000],
    [{ minutes: 1 }, 60_000],
    [{ hours: 1 }, 3_600_000],
    [{ days: 30 }, 30 * DAY_MS],
    [{ weeks: 2 }, 14 * DAY_MS],
    [{ days: 1, hours: 2, seconds: 0.5 }, DAY_MS + 7_200_500],
    [{ days: 0, hours: 1 }, 3_600_000],
  ] as const) {
    it(`reads ${JSON.stringify(duration)} as ${ms} ms`, () => {
      expect(parseDuration('age', duration)).to.equal(ms)
    })
  }

  it('gives months and years the average length that date-fns gives them', () => {
    for (const duration of [{ months: 1 }, { years: 1 }, { years: 2, months: 3 }]) {
      expect(parseDuration('age', duration)).to.equal(milliseconds(duration))
    }
    expect(parseDuration('age', { years: 1 }) / DAY_MS).to.be.within(365, 366)
  })

  it('takes a field that is undefined for one that is left out', () => {
    const duration = mistyped({ days: 1, hours: undefined })
    expect(parseDuration('age', duration)).to.equal(DAY_MS)
  })

  it('reads a decimal fraction exactly, for what is exactly this old stays', () => {
    for (let tenths = 1; tenths < 1000; tenths++) {
      const text = `${(tenths / 10).toFixed(1)}d`
      expect(parseDuration('age', text), text).to.equal(tenths * 8_640_000)
    }
  })

  it('refuses text that is no duration', () => {
    const texts = ['', ' ', 'd', '30', '30D', '30 days', '1M', '1y', '1min', '1hr', '-1d', '+1d']
    for (const text of [
      ...texts,
      '1e3s',
      '.5d',
      '1.d',
      '1,5d',
      '1d12h',
      '1d\n',
      ' 1d',
      '١d',
      'P1D',
    ]) {
      expect(() => parseDuration('age', text), text).to.throw(
        RangeError,
        'age: expected a duration',
      )
    }
  })

  it('refuses what is no longer than nothing, or longer than counts exactly', () => {
    for (const duration of [
      '0d',
      '0.0s',
      {},
      { days: 0 },
      { days: undefined },
      '99999999999999w',
    ]) {
      expect(() => parseDuration('age', mistyped(duration))).to.throw(RangeError, 'age:')
    }
    for (const days of [-1, NaN, Infinity, -Infinity, 1e300]) {
      expect(() => parseDuration('age', { days }), String(days)).to.throw(RangeError, 'age:')
    }
  })

  it('refuses a negative field, also where the sum is more than nothing', () => {
    expect(() => parseDuration('age', { days: 30, hours: -1 })).to.throw(RangeError, 'age:')
  })

  it('refuses a field that date-fns does not have', () => {
    for (const duration of [{ day: 30 }, { Days: 30 }, { days: 30, milliseconds: 1 }, ['30d']]) {
      expect(() => parseDuration('age', mistyped(duration))).to.throw(TypeError, 'age:')
    }
  })

  it('refuses other types', () => {
    for (const duration of [null, undefined, true, 30, 30n, () => '30d', Symbol('30d')]) {
      expect(() => parseDuration('option maxAge', mistyped(duration))).to.throw(
        TypeError,
        /^option maxAge: expected a duration .*'30d'.*got /,
      )
    }
  })
})
