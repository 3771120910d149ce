import { expect } from 'chai'
import { parseByteSize } from '../../lib/arguments/byte-size.js'
import { mistyped } from '../audit/mistyped.js'

describe('parseByteSize', () => {
  for (const [size, bytes] of [
    [1, 1],
    [1_000_000, 1_000_000],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['1kB', 1000],
    ['1MB', 1_000_000],
    ['1GB', 1_000_000_000],
    ['1TB', 1_000_000_000_000],
    ['1KiB', 1024],
    ['1MiB', 1_048_576],
    ['1GiB', 1_073_741_824],
    ['1TiB', 1_099_511_627_776],
    ['100MiB', 104_857_600],
    ['007kB', 7000],
    ['1.5MiB', 1_572_864],
    ['0.001kB', 1],
  ] as const) {
    it(`reads ${typeof size === 'string' ? `'${size}'` : size} as ${bytes} bytes`, () => {
      expect(parseByteSize('size', size)).to.equal(bytes)
    })
  }

  it('reads every decimal fraction that is a whole number of bytes', () => {
    for (let bytes = 1; bytes < 20_000; bytes++) {
      expect(parseByteSize('size', `${(bytes / 1000).toFixed(3)}kB`)).to.equal(bytes)
    }
  })

  it('refuses shorter and other units, which the world reads in two ways', () => {
    const sizes = ['100M', '100k', '100K', '100G', '100KB', '100mb', '100mib', '100kiB', '100Mib']
    for (const size of [...sizes, '100B', '100b', '100 bytes', '100PB', '100PiB', '100']) {
      expect(() => parseByteSize('size', size), size).to.throw(RangeError, `got '${size}'`)
    }
  })

  it('refuses text that is no size', () => {
    const sizes = ['', ' ', 'MiB', 'x', '-1MiB', '+1MiB', '1e3MiB', '0x1MiB', '.5MiB', '1.MiB']
    for (const size of [...sizes, '1,5MiB', '1_000kB', 'NaNMiB', 'InfinityMiB', '1MiBx', '١MiB']) {
      expect(() => parseByteSize('size', size), size).to.throw(RangeError, 'size: expected')
    }
    for (const size of [' 1MiB', '1MiB ', '1MiB\n', '1MiB,1MiB', '1.5.5MiB', '1\tMiB']) {
      expect(() => parseByteSize('size', size), size).to.throw(RangeError, 'size: expected')
    }
  })

  it('refuses a size that is nothing, no whole number of bytes, or more than counts exactly', () => {
    const sizes = [0, -0, -1, 0.5, 1.5, NaN, Infinity, -Infinity, 2 ** 53]
    for (const size of [...sizes, '0kB', '0.0001kB', '0.3KiB', '9007199254740992TiB']) {
      expect(() => parseByteSize('size', size), String(size)).to.throw(RangeError, 'size: expected')
    }
  })

  it('refuses other types', () => {
    for (const size of [null, undefined, true, 1n, {}, [], [1], () => 1, new Number(1)]) {
      expect(() => parseByteSize('option maxSize', mistyped(size))).to.throw(
        TypeError,
        'option maxSize: expected a whole number of bytes',
      )
    }
  })

  it('tells all the units it knows', () => {
    expect(() => parseByteSize('size', '1M')).to.throw(
      RangeError,
      /'100MiB'.*kB, MB, GB, TB, KiB, MiB, GiB, TiB/,
    )
  })
})
