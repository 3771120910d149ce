import { expect } from 'chai'
import { isPrintable } from '../../lib/audit/printable.js'
import { readRanges } from '../golden/vectors.js'

describe('isPrintable', () => {
  it('answers for every code point as Go does with Unicode 15.0', () => {
    const expected = new Uint8Array(0x110000)
    for (const [first, last] of readRanges('isprint-unicode-15.0.ranges')) {
      expected.fill(1, first, last + 1)
    }
    const wrong: string[] = []
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      if (isPrintable(codePoint) !== (expected[codePoint] === 1)) wrong.push(codePoint.toString(16))
    }
    expect(wrong).to.deep.equal([])
  })
})
