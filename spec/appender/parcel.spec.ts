import { expect } from 'chai'
import { Parcel } from '../../lib/appender/parcel.js'

const FULL_BYTES = 256 * 1024

const textOf = (parcel: Parcel, count = parcel.length): string =>
  Buffer.from(parcel.encode(count)).toString()

describe('Parcel', () => {
  const filled = (...records: string[]): Parcel => {
    const parcel = Parcel.forRecord(1)
    for (const record of records) parcel.add(record, Buffer.byteLength(record))
    return parcel
  }

  it('keeps records in their order, text and bytes', () => {
    const parcel = filled('one\n', 'zw\u00f6i\n')
    parcel.add(Uint8Array.of(0xff, 0x0a), 2)
    expect(parcel.length).to.equal(3)
    expect(parcel.bytes).to.equal(4 + 6 + 2)
    expect(textOf(parcel, 2)).to.equal('one\nzw\u00f6i\n')
    expect(parcel.encode(3).subarray(10)).to.deep.equal(Buffer.of(0xff, 0x0a))
  })

  it('takes over records that are encoded already', () => {
    const parcel = Parcel.of(Buffer.from('one\ntwo\n'), [4, 4])
    expect(parcel.length).to.equal(2)
    expect(textOf(parcel)).to.equal('one\ntwo\n')
    parcel.add('three\n', 6)
    expect(textOf(parcel)).to.equal('one\ntwo\nthree\n')
  })

  it('counts within bytes, and lets go of the first', () => {
    const parcel = filled('one\n', 'three\n', 'two\n')
    expect(parcel.countWithin(9)).to.deep.equal({ records: 1, beyond: 5 })
    expect(parcel.countWithin(10)).to.deep.equal({ records: 2, beyond: 0 })
    expect(parcel.countWithin(99)).to.deep.equal({ records: 3, beyond: 85 })
    parcel.drop(1)
    expect(parcel.countWithin(9)).to.deep.equal({ records: 1, beyond: 3 })
    expect([parcel.length, parcel.bytes]).to.deep.equal([2, 10])
    expect(textOf(parcel)).to.equal('three\ntwo\n')
    parcel.drop(2)
    expect([parcel.length, parcel.bytes]).to.deep.equal([0, 0])
  })

  it('grows up to its bound, and takes nothing past it', () => {
    const record = `${'x'.repeat(1023)}\n`
    const parcel = Parcel.forRecord(record.length)
    let count = 0
    while (parcel.takes(record.length)) {
      parcel.add(record, record.length)
      count++
    }
    expect(count).to.equal(FULL_BYTES / record.length)
    expect(textOf(parcel)).to.equal(record.repeat(count))
    expect(parcel.takes(1)).to.equal(false)
  })

  it('is made for a record of any length', () => {
    const record = `${'x'.repeat(FULL_BYTES + 10)}\n`
    const parcel = Parcel.forRecord(record.length)
    parcel.add(record, record.length)
    expect(textOf(parcel)).to.equal(record)
  })

  it('gives memory back that it does not use', () => {
    const parcel = filled('one\n')
    expect(parcel.encode(1).buffer.byteLength).to.be.greaterThan(4)
    parcel.trim()
    expect(parcel.encode(1).buffer.byteLength).to.equal(4)
    expect(textOf(parcel)).to.equal('one\n')
  })
})
