import { expect } from 'chai'
import { parseTimeZone, ZonedClock } from '../../lib/rotation/zoned-clock.js'
import { mistyped } from '../audit/mistyped.js'

const HOUR_MS = 3_600_000
const BERLIN = new ZonedClock('Europe/Berlin')

/** An instant, or a local time as `ZonedClock` counts them. */
const ms = (text: string): number => Date.parse(text.length === 16 ? `${text}:00Z` : `${text}Z`)
const text = (time: number): string => new Date(time).toISOString().slice(0, 16)

describe('ZonedClock', () => {
  describe('latestShown', () => {
    it('is the local time, to the millisecond, while the clock runs on', () => {
      expect(BERLIN.latestShown(ms('2016-09-07T13:03:57.123'))).to.equal(
        ms('2016-09-07T15:03:57.123'),
      )
      expect(new ZonedClock('UTC').latestShown(12_345)).to.equal(12_345)
      expect(new ZonedClock('Asia/Kathmandu').latestShown(ms('2016-09-07T00:00'))).to.equal(
        ms('2016-09-07T05:45'),
      )
    })

    it('stands still while a clock that was set back repeats its time', () => {
      for (const [time, latest] of [
        ['2016-10-30T00:59:59.998', '2016-10-30T02:59:59.998'],
        ['2016-10-30T00:59:59.999', '2016-10-30T02:59:59.999'],
        ['2016-10-30T01:00', '2016-10-30T02:59:59.999'],
        ['2016-10-30T01:59:59.999', '2016-10-30T02:59:59.999'],
        ['2016-10-30T02:00', '2016-10-30T03:00'],
      ] as const) {
        expect(BERLIN.latestShown(ms(time)), time).to.equal(ms(latest))
      }
    })

    it('knows of a clock that was set back over the date line', () => {
      const kwajalein = new ZonedClock('Pacific/Kwajalein')
      const change = ms('1969-09-30T13:00')
      expect(kwajalein.latestShown(change)).to.equal(ms('1969-10-01T00:00') - 1)
      expect(kwajalein.latestShown(change + 23 * HOUR_MS - 1)).to.equal(ms('1969-10-01T00:00') - 1)
      expect(kwajalein.latestShown(change + 23 * HOUR_MS)).to.equal(ms('1969-10-01T00:00'))
    })
  })

  describe('firstShowing', () => {
    for (const [zone, local, time] of [
      ['UTC', '2016-09-07T13:03', '2016-09-07T13:03'],
      ['Europe/Berlin', '2016-09-07T13:03', '2016-09-07T11:03'],
      ['Europe/Berlin', '2016-03-27T01:59', '2016-03-27T00:59'],
      ['Europe/Berlin', '2016-03-27T02:00', '2016-03-27T01:00'],
      ['Europe/Berlin', '2016-03-27T02:59', '2016-03-27T01:00'],
      ['Europe/Berlin', '2016-03-27T03:01', '2016-03-27T01:01'],
      ['Europe/Berlin', '2016-10-30T02:00', '2016-10-30T00:00'],
      ['Europe/Berlin', '2016-10-30T02:59', '2016-10-30T00:59'],
      ['Europe/Berlin', '2016-10-30T03:00', '2016-10-30T02:00'],
      ['Pacific/Apia', '2011-12-29T23:59', '2011-12-30T09:59'],
      ['Pacific/Apia', '2011-12-30T00:00', '2011-12-30T10:00'],
      ['Pacific/Apia', '2011-12-30T23:59', '2011-12-30T10:00'],
      ['Pacific/Apia', '2011-12-31T00:01', '2011-12-30T10:01'],
      ['Pacific/Kiritimati', '2016-09-07T13:00', '2016-09-06T23:00'],
      ['Etc/GMT+12', '2016-09-07T13:00', '2016-09-08T01:00'],
    ] as const) {
      it(`finds ${local} in ${zone} at ${time} UTC`, () => {
        expect(text(new ZonedClock(zone).firstShowing(ms(local)))).to.equal(time)
      })
    }

    it('is the inverse of latestShown: later than an instant where the local time is later', () => {
      const zones = ['Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', 'Antarctica/Troll']
      for (const clock of zones.map(zone => new ZonedClock(zone))) {
        for (const day of ['2011-12-30T10:00', '2016-10-30T01:00', '2016-04-02T15:00']) {
          for (let time = ms(day) - 3 * HOUR_MS; time < ms(day) + 3 * HOUR_MS; time += 1_200_001) {
            const latest = clock.latestShown(time)
            expect(clock.firstShowing(latest)).to.be.at.most(time)
            expect(clock.firstShowing(latest + 1)).to.be.greaterThan(time)
          }
        }
      }
    })
  })

  describe('stretches', () => {
    it('gives one where the offset stays, from end to end', () => {
      const [start, end] = [ms('2016-05-01T00:00'), ms('2016-09-01T00:00')]
      expect(BERLIN.stretches(start, end)).to.deep.equal([{ start, end, offsetMs: 2 * HOUR_MS }])
    })

    it('parts them at the very millisecond of each change', () => {
      const all = BERLIN.stretches(ms('2016-01-01T00:00'), ms('2017-01-01T00:00'))
      expect(
        all.map(({ start, end, offsetMs }) => [text(start), text(end), offsetMs / HOUR_MS]),
      ).to.deep.equal([
        ['2016-01-01T00:00', '2016-03-27T01:00', 1],
        ['2016-03-27T01:00', '2016-10-30T01:00', 2],
        ['2016-10-30T01:00', '2017-01-01T00:00', 1],
      ])
      expect(all.every(({ start, end }) => start % HOUR_MS === 0 && end % HOUR_MS === 0)).to.be.true
    })

    it('sees changes that are a week apart', () => {
      const recife = new ZonedClock('America/Recife')
      const all = recife.stretches(ms('2000-10-01T00:00'), ms('2000-11-01T00:00'))
      expect(all.map(({ start, offsetMs }) => [text(start), offsetMs / HOUR_MS])).to.deep.equal([
        ['2000-10-01T00:00', -3],
        ['2000-10-08T03:00', -2],
        ['2000-10-15T02:00', -3],
      ])
    })

    it('takes a change at its start for what is, and one at its end for what is to come', () => {
      const change = ms('2016-10-30T01:00')
      const offsets = (from: number, to: number): number[] =>
        BERLIN.stretches(from, to).map(({ offsetMs }) => offsetMs / HOUR_MS)
      expect(offsets(change, change + 1)).to.deep.equal([1])
      expect(offsets(change - 1, change)).to.deep.equal([2])
      expect(offsets(change - 1, change + 1)).to.deep.equal([2, 1])
    })

    it('knows offsets of old times, which had seconds', () => {
      const [stretch] = new ZonedClock('America/St_Johns').stretches(ms('1930-01-01T00:00'), 0)
      expect(stretch?.offsetMs).to.equal(-(3 * 3600 + 30 * 60 + 52) * 1000)
    })
  })

  it('gives no time for no time, and comes to an end beyond what a Date can tell', () => {
    expect(BERLIN.latestShown(NaN)).to.be.NaN
    expect(BERLIN.firstShowing(NaN)).to.be.NaN
    for (const time of [8.64e15, 9e15, -8.64e15, -9e15]) {
      expect(Math.abs(BERLIN.firstShowing(BERLIN.latestShown(time)) - time)).to.be.lessThan(1e8)
    }
  })
})

describe('parseTimeZone', () => {
  it('lets the names of zones pass', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']) {
      expect(parseTimeZone('zone', zone)).to.equal(zone)
    }
  })

  it('refuses a zone that is not known', () => {
    for (const zone of [
      '',
      ' ',
      'Mars/Olympus',
      'local',
      'UTC+1',
      'Europe/Berlin ',
      'constructor',
    ]) {
      expect(() => parseTimeZone('daily(options).timeZone', zone), zone).to.throw(
        RangeError,
        /^daily\(options\)\.timeZone: expected the IANA name of a time zone, .*'UTC', got '/,
      )
    }
  })

  it('refuses other types', () => {
    for (const zone of [undefined, null, 0, 60, {}, ['UTC']]) {
      expect(() => parseTimeZone('zone', mistyped(zone))).to.throw(TypeError, 'zone: expected')
    }
  })
})
