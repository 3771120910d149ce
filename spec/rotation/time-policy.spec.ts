import { expect } from 'chai'
import type { DurationLike } from '../../lib/arguments/duration.js'
import { checkLimits, type RotationPolicy } from '../../lib/rotation/rotation-policy.js'
import { daily, every } from '../../lib/rotation/time-policy.js'
import { mistyped } from '../audit/mistyped.js'

/** Reads an instant of UTC: `2016-09-07T13:03`, with what may follow. */
const at = (text: string): Date => new Date(text.length === 16 ? `${text}:00Z` : `${text}Z`)

function untilOf(policy: RotationPolicy, openedAt: Date): Date {
  const { until } = checkLimits(policy({ path: '/logs/audit.log', openedAt, bytes: 0 }))
  return until ?? expect.fail('no limit in time')
}

/** When each of so many files is closed, the first of which was opened at `from`. */
function closings(policy: RotationPolicy, from: string, count: number): string[] {
  const times: string[] = []
  for (let time = at(from); times.length < count;) {
    time = untilOf(policy, time)
    times.push(time.toISOString().replace(/(:00)?\.000Z$|Z$/, ''))
  }
  return times
}

describe('daily', () => {
  it('sets a limit in time, and none in bytes', () => {
    const file = { path: '/logs/audit.log', openedAt: at('2016-09-07T13:03'), bytes: 7 }
    expect(daily()(file)).to.deep.equal({ until: at('2016-09-08T00:00') })
  })

  it('is each midnight in UTC where nothing else is said', () => {
    for (const policy of [daily(), daily({}), daily({ at: undefined, timeZone: undefined })]) {
      expect(closings(policy, '2016-02-28T13:03:57.400', 3)).to.deep.equal([
        '2016-02-29T00:00',
        '2016-03-01T00:00',
        '2016-03-02T00:00',
      ])
    }
  })

  it('is strictly after the file was opened, to the millisecond', () => {
    const policy = daily({ at: '02:30:15' })
    expect(closings(policy, '2016-09-07T02:30:14.999', 1)).to.deep.equal(['2016-09-07T02:30:15'])
    expect(closings(policy, '2016-09-07T02:30:15.000', 1)).to.deep.equal(['2016-09-08T02:30:15'])
  })

  it('knows times before 1970', () => {
    expect(closings(daily({ at: '23:59:59' }), '1969-12-30T23:59:59.000', 2)).to.deep.equal([
      '1969-12-31T23:59:59',
      '1970-01-01T23:59:59',
    ])
  })

  for (const [what, timeZone, local, opened, ...closed] of [
    ['an offset', 'Asia/Kathmandu', '00:00', '2016-09-07T12:00', '2016-09-07T18:15'],
    ['a day ahead', 'Pacific/Kiritimati', '01:00', '2016-09-07T12:00', '2016-09-08T11:00'],
    [
      'an hour that is skipped',
      'Europe/Berlin',
      '02:30',
      '2016-03-26T01:30',
      '2016-03-27T01:00',
      '2016-03-28T00:30',
    ],
    [
      'an hour that comes twice',
      'Europe/Berlin',
      '02:30',
      '2016-10-29T00:30',
      '2016-10-30T00:30',
      '2016-10-31T01:30',
    ],
    ['a file opened in between', 'Europe/Berlin', '02:30', '2016-10-30T00:45', '2016-10-31T01:30'],
    [
      'the last moment of such an hour',
      'Europe/Berlin',
      '03:00',
      '2016-10-29T01:00',
      '2016-10-30T02:00',
    ],
    [
      'an hour before the one that comes twice',
      'America/New_York',
      '00:59:59',
      '2016-11-05T12:00',
      '2016-11-06T04:59:59',
      '2016-11-07T05:59:59',
    ],
    [
      'half an hour that is skipped',
      'Australia/Lord_Howe',
      '02:15',
      '2016-10-01T00:00',
      '2016-10-01T15:30',
      '2016-10-02T15:15',
    ],
    [
      'half an hour that comes twice',
      'Australia/Lord_Howe',
      '01:45',
      '2016-04-02T00:00',
      '2016-04-02T14:45',
      '2016-04-03T15:15',
    ],
    [
      'a midnight that is skipped',
      'America/Sao_Paulo',
      '00:00',
      '2017-10-14T12:00',
      '2017-10-15T03:00',
      '2017-10-16T02:00',
    ],
    [
      'a clock set back when it would show midnight',
      'America/Sao_Paulo',
      '00:00',
      '2018-02-17T12:00',
      '2018-02-18T03:00',
      '2018-02-19T03:00',
    ],
    [
      'the end of a day that comes twice',
      'America/Sao_Paulo',
      '23:30',
      '2018-02-17T12:00',
      '2018-02-18T01:30',
      '2018-02-19T02:30',
    ],
    [
      'a midnight that comes twice',
      'America/Havana',
      '00:00',
      '2016-11-05T12:00',
      '2016-11-06T04:00',
      '2016-11-07T05:00',
    ],
    [
      'another midnight that is skipped',
      'Africa/Cairo',
      '00:00',
      '2010-04-29T12:00',
      '2010-04-29T22:00',
      '2010-04-30T21:00',
    ],
    [
      'a clock set forward a minute after midnight',
      'America/St_Johns',
      '00:30',
      '2010-03-13T12:00',
      '2010-03-14T03:31',
      '2010-03-15T03:00',
    ],
    [
      'a clock set back a minute after midnight',
      'America/St_Johns',
      '00:00',
      '2010-11-06T12:00',
      '2010-11-07T02:30',
      '2010-11-08T03:30',
    ],
    [
      'two hours that are skipped',
      'Antarctica/Troll',
      '01:30',
      '2016-03-26T12:00',
      '2016-03-27T01:00',
      '2016-03-27T23:30',
    ],
    [
      'two hours that come twice',
      'Antarctica/Troll',
      '01:30',
      '2016-10-29T12:00',
      '2016-10-29T23:30',
      '2016-10-31T01:30',
    ],
    [
      'a whole day that is skipped',
      'Pacific/Apia',
      '12:00',
      '2011-12-29T22:00',
      '2011-12-30T10:00',
      '2011-12-30T22:00',
      '2011-12-31T22:00',
    ],
    [
      'the midnights at both ends of such a day',
      'Pacific/Apia',
      '00:00',
      '2011-12-29T10:00',
      '2011-12-30T10:00',
      '2011-12-31T10:00',
    ],
    [
      'nearly a whole day that comes twice',
      'Pacific/Kwajalein',
      '12:00',
      '1969-09-29T12:00',
      '1969-09-30T01:00',
      '1969-10-02T00:00',
    ],
  ] as const) {
    it(`knows ${what}: ${local} in ${timeZone} on ${closed[0]} UTC`, () => {
      const policy = daily({ at: local, timeZone })
      expect(closings(policy, opened, closed.length)).to.deep.equal(closed)
    })
  }

  it('refuses what is no local time', () => {
    for (const local of [
      '',
      '2:30',
      '24:00',
      '23:60',
      '23:59:60',
      '02:30:15.5',
      '0230',
      '02:30Z',
    ]) {
      expect(() => daily({ at: local }), local).to.throw(
        RangeError,
        /^daily\(options\)\.at: expected a local time 'HH:MM' or 'HH:MM:SS', .*, got '/,
      )
    }
    for (const local of [' 02:30', '02:30\n', '-2:30', '٠٢:٣٠', '02:30 AM']) {
      expect(() => daily({ at: local }), local).to.throw(RangeError, 'daily(options).at: expected')
    }
    for (const local of [null, 2, 230, new Date(0), ['02:30']]) {
      expect(() => daily({ at: mistyped(local) })).to.throw(
        TypeError,
        'daily(options).at: expected',
      )
    }
  })

  it('refuses a zone that is not known', () => {
    expect(() => daily({ timeZone: 'Mars/Olympus' })).to.throw(
      RangeError,
      /^daily\(options\)\.timeZone: expected the IANA name .* got 'Mars\/Olympus'$/,
    )
    expect(() => daily({ timeZone: mistyped(null) })).to.throw(
      TypeError,
      'daily(options).timeZone: expected',
    )
  })

  it('refuses options that it does not have, and what are no options', () => {
    expect(() => daily(mistyped({ at: '02:30', timezone: 'UTC' }))).to.throw(
      TypeError,
      `daily(options): expected { at?, timeZone? }, got { timezone: 'UTC' }`,
    )
    for (const options of [null, '02:30', 2, true]) {
      expect(() => daily(mistyped(options))).to.throw(
        TypeError,
        'daily(options): expected { at?, timeZone? }, got',
      )
    }
  })
})

describe('every', () => {
  for (const [what, duration, opened, ...closed] of [
    ['quarters', '15m', '2016-09-07T13:03', '2016-09-07T13:15', '2016-09-07T13:30'],
    ['the same', { minutes: 15 }, '2016-09-07T13:15', '2016-09-07T13:30', '2016-09-07T13:45'],
    ['hours', '1h', '2016-09-07T22:59:59.999', '2016-09-07T23:00', '2016-09-08T00:00'],
    ['seconds', '30s', '2016-09-07T23:59:01', '2016-09-07T23:59:30', '2016-09-08T00:00'],
    [
      'marks that do not fill a day',
      '5h',
      '2016-09-07T13:03',
      '2016-09-07T15:00',
      '2016-09-07T20:00',
      '2016-09-08T00:00',
      '2016-09-08T05:00',
    ],
    [
      'marks that do not fill an hour',
      '90m',
      '2016-09-07T22:00',
      '2016-09-07T22:30',
      '2016-09-08T00:00',
      '2016-09-08T01:30',
    ],
    ['nearly a day', '23h', '2016-09-07T22:00', '2016-09-07T23:00', '2016-09-08T00:00'],
    [
      'milliseconds',
      '500ms',
      '2016-09-07T13:03:57.400',
      '2016-09-07T13:03:57.500',
      '2016-09-07T13:03:58',
    ],
    [
      'milliseconds that fill nothing',
      '7ms',
      '2016-09-07T23:59:59.990',
      '2016-09-07T23:59:59.992',
      '2016-09-07T23:59:59.999',
      '2016-09-08T00:00',
      '2016-09-08T00:00:00.007',
    ],
    ['single milliseconds', '1ms', '2016-09-07T23:59:59.999', '2016-09-08T00:00'],
    ['days', '1d', '2016-09-07T13:03', '2016-09-08T00:00', '2016-09-09T00:00'],
    ['24 hours as a day', '24h', '2016-09-07T13:03', '2016-09-08T00:00', '2016-09-09T00:00'],
    ['days since 1970-01-01', '10d', '1970-01-01T00:00', '1970-01-11T00:00', '1970-01-21T00:00'],
    ['days before', { days: 3 }, '1969-12-30T00:00', '1970-01-01T00:00', '1970-01-04T00:00'],
    ['Mondays', '1w', '2016-09-07T13:03', '2016-09-12T00:00', '2016-09-19T00:00'],
    ['7 days as a week', '7d', '2016-09-07T13:03', '2016-09-12T00:00', '2016-09-19T00:00'],
    ['the first Monday', '2w', '1970-01-04T23:59', '1970-01-05T00:00', '1970-01-19T00:00'],
    [
      'weeks and days that make weeks',
      { weeks: 1, days: 7 },
      '1970-01-05T00:00',
      '1970-01-19T00:00',
    ],
    ['months', { months: 1 }, '2016-01-31T12:00', '2016-02-01T00:00', '2016-03-01T00:00'],
    [
      'quarters of a year',
      { months: 3 },
      '2016-09-07T13:03',
      '2016-10-01T00:00',
      '2017-01-01T00:00',
      '2017-04-01T00:00',
    ],
    ['years', { years: 1 }, '2016-01-01T00:00', '2017-01-01T00:00', '2018-01-01T00:00'],
    ['decades', { years: 10 }, '2016-09-07T13:03', '2020-01-01T00:00', '2030-01-01T00:00'],
    ['half years', { years: 0.5 }, '2016-09-07T13:03', '2017-01-01T00:00', '2017-07-01T00:00'],
    [
      'years and months',
      { years: 1, months: 6, hours: 0 },
      '2016-09-07T13:03',
      '2017-07-01T00:00',
      '2019-01-01T00:00',
    ],
    [
      'months before 1970',
      { months: 5 },
      '1969-02-01T00:00',
      '1969-03-01T00:00',
      '1969-08-01T00:00',
    ],
    ['years of early times', { years: 1 }, '0099-05-01T00:00', '0100-01-01T00:00'],
  ] as [string, DurationLike, string, ...string[]][]) {
    it(`counts ${what}: ${JSON.stringify(duration)}`, () => {
      expect(closings(every(duration), opened, closed.length)).to.deep.equal(closed)
    })
  }

  for (const [what, duration, timeZone, opened, ...closed] of [
    [
      'hours of a zone that is three quarters off',
      '1h',
      'Asia/Kathmandu',
      '2016-09-07T17:03',
      '2016-09-07T17:15',
      '2016-09-07T18:15',
    ],
    [
      'an hour that comes twice',
      '1h',
      'Europe/Berlin',
      '2016-10-29T23:00',
      '2016-10-30T00:00',
      '2016-10-30T01:00',
      '2016-10-30T02:00',
      '2016-10-30T03:00',
    ],
    [
      'the half hours of such an hour',
      '30m',
      'America/New_York',
      '2016-11-06T04:45',
      '2016-11-06T05:00',
      '2016-11-06T05:30',
      '2016-11-06T06:00',
      '2016-11-06T06:30',
      '2016-11-06T07:00',
    ],
    [
      'a file opened when it comes again',
      '1h',
      'Europe/Berlin',
      '2016-10-30T01:20',
      '2016-10-30T02:00',
    ],
    [
      'two hours, of which the first is longer',
      '2h',
      'Europe/Berlin',
      '2016-10-29T22:00',
      '2016-10-30T00:00',
      '2016-10-30T03:00',
      '2016-10-30T05:00',
    ],
    [
      'six hours',
      '6h',
      'Europe/Berlin',
      '2016-10-29T21:59',
      '2016-10-29T22:00',
      '2016-10-30T05:00',
      '2016-10-30T11:00',
    ],
    [
      'a mark that comes again too soon, and the next one',
      '40m',
      'Europe/Berlin',
      '2016-10-30T00:00',
      '2016-10-30T00:40',
      '2016-10-30T01:00',
      '2016-10-30T01:40',
      '2016-10-30T02:20',
    ],
    [
      'an hour that is skipped',
      '1h',
      'Europe/Berlin',
      '2016-03-27T00:00',
      '2016-03-27T01:00',
      '2016-03-27T02:00',
    ],
    [
      'marks in an hour that is skipped',
      '20m',
      'Europe/Berlin',
      '2016-03-27T00:30',
      '2016-03-27T00:40',
      '2016-03-27T01:00',
      '2016-03-27T01:20',
    ],
    [
      'a mark that falls into such an hour',
      '150m',
      'Europe/Berlin',
      '2016-03-26T23:00',
      '2016-03-27T01:00',
      '2016-03-27T03:00',
    ],
    [
      'half an hour that comes twice, in hours',
      '1h',
      'Australia/Lord_Howe',
      '2016-04-02T13:00',
      '2016-04-02T14:00',
      '2016-04-02T15:30',
      '2016-04-02T16:30',
    ],
    [
      'half an hour that comes twice, in half hours',
      '30m',
      'Australia/Lord_Howe',
      '2016-04-02T14:00',
      '2016-04-02T14:30',
      '2016-04-02T15:00',
      '2016-04-02T15:30',
    ],
    [
      'two hours that come twice',
      '2h',
      'Antarctica/Troll',
      '2016-10-29T22:00',
      '2016-10-30T00:00',
      '2016-10-30T02:00',
      '2016-10-30T04:00',
    ],
    [
      'two hours that are skipped',
      '1h',
      'Antarctica/Troll',
      '2016-03-27T00:00',
      '2016-03-27T01:00',
      '2016-03-27T02:00',
    ],
    [
      'a midnight that is skipped',
      '12h',
      'America/Sao_Paulo',
      '2017-10-14T15:00',
      '2017-10-15T03:00',
      '2017-10-15T14:00',
    ],
    [
      'a day that ends twice',
      '30m',
      'America/Sao_Paulo',
      '2018-02-18T01:30',
      '2018-02-18T02:00',
      '2018-02-18T02:30',
      '2018-02-18T03:00',
    ],
    [
      'a whole day that is skipped',
      '6h',
      'Pacific/Apia',
      '2011-12-30T04:00',
      '2011-12-30T10:00',
      '2011-12-30T16:00',
    ],
    [
      'nearly a whole day that comes twice',
      '12h',
      'Pacific/Kwajalein',
      '1969-09-30T01:00',
      '1969-10-01T00:00',
      '1969-10-01T12:00',
    ],
    [
      'milliseconds at the change',
      '1ms',
      'Europe/Berlin',
      '2016-10-30T00:59:59.998',
      '2016-10-30T00:59:59.999',
      '2016-10-30T01:00',
      '2016-10-30T01:00:00.001',
    ],
    [
      'days of 23 and 25 hours',
      '1d',
      'Europe/Berlin',
      '2016-10-29T12:00',
      '2016-10-29T22:00',
      '2016-10-30T23:00',
    ],
    [
      'a midnight that comes twice',
      '1d',
      'America/Havana',
      '2016-11-05T12:00',
      '2016-11-06T04:00',
      '2016-11-07T05:00',
    ],
    [
      'the Mondays of a zone',
      { weeks: 1 },
      'Europe/Berlin',
      '2016-10-25T12:00',
      '2016-10-30T23:00',
      '2016-11-06T23:00',
    ],
    [
      'the months of a zone',
      { months: 1 },
      'America/New_York',
      '2016-10-31T12:00',
      '2016-11-01T04:00',
      '2016-12-01T05:00',
    ],
  ] as [string, DurationLike, string, string, ...string[]][]) {
    it(`knows ${what}: ${JSON.stringify(duration)} in ${timeZone}`, () => {
      expect(closings(every(duration, { timeZone }), opened, closed.length)).to.deep.equal(closed)
    })
  }

  it('is in UTC where nothing else is said', () => {
    for (const options of [undefined, {}, { timeZone: undefined }, { timeZone: 'UTC' }]) {
      expect(closings(every('1d', options), '2016-09-07T13:03', 1)).to.deep.equal([
        '2016-09-08T00:00',
      ])
    }
  })

  it('does not heed what becomes of the duration afterwards', () => {
    const duration = { hours: 1 }
    const policy = every(duration)
    duration.hours = 2
    expect(closings(policy, '2016-09-07T12:03', 1)).to.deep.equal(['2016-09-07T13:00'])
  })

  it('is no work, however short the duration or long the wait', () => {
    const begin = process.hrtime.bigint()
    for (const duration of ['1ms', '500ms', { years: 1000 }, '52000w']) {
      const policy = every(duration, { timeZone: 'Europe/Berlin' })
      for (const opened of ['2016-10-30T01:00', '2016-10-30T00:59', '2016-09-07T13:03']) {
        expect(untilOf(policy, at(opened)) > at(opened)).to.equal(true)
      }
    }
    expect(Number(process.hrtime.bigint() - begin) / 1e6).to.be.lessThan(1000)
  })

  it('answers no time for a file without one, which the appender reports', () => {
    const file = { path: '/logs/audit.log', openedAt: new Date(NaN), bytes: 0 }
    for (const policy of [daily(), every('1ms'), every('1w'), every({ months: 1 })]) {
      expect(() => checkLimits(policy(file))).to.throw(TypeError, '`until` to be a valid Date')
    }
  })

  it('refuses a duration that does not fit the clock', () => {
    for (const duration of [
      '36h',
      '25h',
      '1.5d',
      { days: 1, hours: 6 },
      { days: 1, seconds: 0.001 },
      { months: 1, days: 1 },
      { months: 1, hours: 1 },
      { years: 1, weeks: 1 },
      { months: 0.5 },
      { years: 0.3 },
      { years: 1001 },
      { months: 12_001 },
      '366000d',
    ]) {
      expect(() => every(duration), JSON.stringify(duration)).to.throw(
        RangeError,
        /^every\(duration\): expected a duration that fits the clock: .*; no longer than 1000 years, got /,
      )
    }
  })

  it('refuses what is no duration longer than nothing', () => {
    for (const duration of [
      '',
      '15',
      '15M',
      '0m',
      '-1h',
      '0.4ms',
      {},
      { hours: 0 },
      { days: -1 },
    ]) {
      expect(() => every(duration)).to.throw(RangeError, 'every(duration): expected a duration')
    }
    for (const duration of [{ years: NaN }, { months: -1 }, { years: 2, months: -1 }]) {
      expect(() => every(duration)).to.throw(RangeError, 'every(duration): expected a duration')
    }
    for (const duration of [15, null, undefined, { hour: 1 }, { months: 1, day: 1 }]) {
      expect(() => every(mistyped(duration))).to.throw(TypeError, 'every(duration): expected')
    }
  })

  it('refuses a zone that is not known', () => {
    expect(() => every('1h', { timeZone: 'Europe/Bonn' })).to.throw(
      RangeError,
      /^every\(options\)\.timeZone: expected the IANA name .* got 'Europe\/Bonn'$/,
    )
    expect(() => every('1h', { timeZone: mistyped(1) })).to.throw(
      TypeError,
      'every(options).timeZone: expected',
    )
  })

  it('refuses options that it does not have, and what are no options', () => {
    expect(() => every('1d', mistyped({ at: '02:30' }))).to.throw(
      TypeError,
      `every(options): expected { timeZone? }, got { at: '02:30' }`,
    )
    for (const options of [null, 'UTC', 1]) {
      expect(() => every('1d', mistyped(options))).to.throw(
        TypeError,
        'every(options): expected { timeZone? }, got',
      )
    }
  })
})
