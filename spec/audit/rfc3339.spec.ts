import { expect } from 'chai'
import {
  lineTime,
  microTime,
  microTimeOf,
  parseLineTime,
  rfc3339Nano,
  TimeWriter,
  unixNsOf,
} from '../../lib/audit/rfc3339.js'
import { readVectors } from '../golden/vectors.js'
import { mistyped } from './mistyped.js'

interface UtcVector {
  unix_ns: string
  utc: string
}

interface ZoneVector {
  unix_ns: string
  offset_seconds: number
  out: string
}

const utcVectors = readVectors<UtcVector>('rfc3339nano.jsonl')
const zoneVectors = readVectors<ZoneVector>('rfc3339nano-zone.jsonl')

describe('rfc3339Nano', () => {
  it('writes every golden vector in UTC', () => {
    for (const { unix_ns, utc } of utcVectors) expect(rfc3339Nano(BigInt(unix_ns))).to.equal(utc)
  })

  it('writes every golden vector in a zone', () => {
    for (const { unix_ns, offset_seconds, out } of zoneVectors) {
      expect(rfc3339Nano(BigInt(unix_ns), offset_seconds)).to.equal(out)
    }
  })

  it('refuses a time that it cannot write', () => {
    expect(() => rfc3339Nano(-62_167_219_200_000_000_001n)).to.throw(RangeError, 'year 0000')
    expect(() => rfc3339Nano(-62_167_219_200_000_000_000n, -60)).to.throw(RangeError)
    expect(() => rfc3339Nano(8_640_000_000_001_000_000_000n)).to.throw(RangeError)
    expect(() => rfc3339Nano(mistyped(0))).to.throw(
      TypeError,
      'rfc3339Nano(unixNs): expected a bigint',
    )
  })

  it('refuses an offset of a day or more, or one that is no integer', () => {
    expect(rfc3339Nano(0n, 86_399)).to.equal('1970-01-01T23:59:59+23:59')
    expect(() => rfc3339Nano(0n, 86_400)).to.throw(RangeError, 'less than a day')
    expect(() => rfc3339Nano(0n, -86_400)).to.throw(RangeError, 'less than a day')
    expect(() => rfc3339Nano(0n, 0.5)).to.throw(TypeError, 'an integer')
    expect(() => rfc3339Nano(0n, mistyped('0'))).to.throw(TypeError, `got '0'`)
  })
})

describe('lineTime', () => {
  it('refuses what its text could not say', () => {
    expect(() => lineTime('request', 253_402_300_800_000_000_000n, 0)).to.throw(
      RangeError,
      'request.time',
    )
    expect(() => lineTime('request', 0n, 30)).to.throw(RangeError, 'request.offset: expected whole')
  })
})

describe('microTime', () => {
  it('writes six digits always, and cuts off the rest', () => {
    expect(microTime(0, 0)).to.equal('1970-01-01T00:00:00.000000Z')
    expect(microTime(1_473_253_437, 400_333_999)).to.equal('2016-09-07T13:03:57.400333Z')
    expect(microTime(-1, 999_999_999)).to.equal('1969-12-31T23:59:59.999999Z')
    expect(microTime(1, 1_999)).to.equal('1970-01-01T00:00:01.000001Z')
  })
})

describe('microTimeOf', () => {
  it('takes nanoseconds and dates, in the years of four digits', () => {
    expect(microTimeOf('it', 1_999n)).to.equal('1970-01-01T00:00:00.000001Z')
    expect(microTimeOf('it', new Date(-1))).to.equal('1969-12-31T23:59:59.999000Z')
    const last = 253_402_300_799_999_999_999n
    expect(microTimeOf('it', last)).to.equal('9999-12-31T23:59:59.999999Z')
    expect(() => microTimeOf('it', last + 1n)).to.throw(RangeError, 'it: expected a time in')
    const first = -62_167_219_200_000_000_000n
    expect(microTimeOf('it', first)).to.equal('0000-01-01T00:00:00.000000Z')
    expect(() => microTimeOf('it', first - 1n)).to.throw(RangeError, 'it: expected a time in')
  })
})

describe('unixNsOf', () => {
  it('takes nanoseconds and dates only', () => {
    expect(unixNsOf('it', -5n)).to.equal(-5n)
    expect(unixNsOf('it', new Date(7))).to.equal(7_000_000n)
    expect(() => unixNsOf('it', new Date(Number.NaN))).to.throw(RangeError, 'it: expected a valid')
    expect(() => unixNsOf('it', mistyped(7))).to.throw(TypeError, 'it: expected a Date or a bigint')
  })
})

describe('parseLineTime', () => {
  it('reads every golden vector that a line may hold', () => {
    for (const { unix_ns, utc } of utcVectors.filter(vector => vector.utc[4] === '-')) {
      expect(parseLineTime(utc)).to.deep.equal({ time: BigInt(unix_ns), offset: 0 })
    }
    for (const { unix_ns, offset_seconds, out } of zoneVectors) {
      if (offset_seconds % 60 !== 0) continue
      expect(parseLineTime(out)).to.deep.equal({ time: BigInt(unix_ns), offset: offset_seconds })
    }
  })

  const refused = [
    '',
    '2016-09-07',
    '2016-09-07T13:03:57',
    '2016-09-07t13:03:57Z',
    '2016-09-07 13:03:57Z',
    '2016-02-30T13:03:57Z',
    '2016-13-07T13:03:57Z',
    '2016-09-07T24:00:00Z',
    '2016-09-07T13:03:60Z',
    '2016-09-07T13:03:57.Z',
    '2016-09-07T13:03:57.10Z',
    '2016-09-07T13:03:57.0000000001Z',
    '2016-09-07T13:03:57+00:00',
    '2016-09-07T13:03:57-00:00',
    '2016-09-07T13:03:57+24:00',
    '2016-09-07T13:03:57+01:60',
    '2016-09-07T13:03:57+0100',
    '2016-09-07T13:03:57Z\n',
    '275760-09-13T00:00:00Z',
    '0000-01-01T00:00:00+00:01x',
  ]
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(parseLineTime(text)).to.equal(undefined)
    })
  }
})

describe('TimeWriter', () => {
  it('writes what rfc3339Nano writes', () => {
    for (const { unix_ns, offset_seconds, out } of zoneVectors) {
      const unixNs = BigInt(unix_ns)
      const nanos = ((unixNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
      const seconds = Number((unixNs - nanos) / 1_000_000_000n)
      expect(new TimeWriter(() => offset_seconds).write(seconds, Number(nanos))).to.equal(out)
    }
  })

  it('asks for the offset once a second, and notices when it changes', () => {
    const asked: number[] = []
    const writer = new TimeWriter(seconds => {
      asked.push(seconds)
      return seconds < 11 ? 0 : 3600
    })
    expect(writer.write(10, 0)).to.equal('1970-01-01T00:00:10Z')
    expect(writer.write(10, 5)).to.equal('1970-01-01T00:00:10.000000005Z')
    expect(writer.write(11, 120_000_000)).to.equal('1970-01-01T01:00:11.12+01:00')
    expect(asked).to.deep.equal([10, 11])
  })
})
