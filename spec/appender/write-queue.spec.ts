import { expect } from 'chai'
import * as fc from 'fast-check'
import {
  byteLength,
  checkRecord,
  WriteQueue,
  type AuditRecord,
} from '../../lib/appender/write-queue.js'
import { mistyped } from '../audit/mistyped.js'

/** Records whose bytes are more than their units, up to the very worst. */
const text = fc
  .oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.array(fc.integer({ min: 0xd700, max: 0xe0ff })).map(units => String.fromCharCode(...units)),
    fc.string({ unit: fc.constantFrom('\ud83e', '\udd89', '€', 'ü', 'x') }),
  )
  .map(string => `${string}\n`)

const binary = fc.uint8Array({ maxLength: 12 }).map(bytes => Uint8Array.of(...bytes, 0x0a))

const records: fc.Arbitrary<AuditRecord[]> = fc.oneof(
  fc.array(text, { maxLength: 12 }),
  fc.array(fc.oneof(text, binary), { maxLength: 12 }),
)

const toBytes = (record: AuditRecord): Buffer =>
  typeof record === 'string' ? Buffer.from(record, 'utf8') : Buffer.from(record)

const joined = (some: readonly AuditRecord[]): Buffer => Buffer.concat(some.map(toBytes))

function queueOf(some: readonly AuditRecord[]): WriteQueue {
  const queue = new WriteQueue()
  for (const record of some) queue.add(record)
  return queue
}

/** Expects a queue to hold these records, and to tell of them truly. */
function expectHolds(queue: WriteQueue, some: readonly AuditRecord[]): void {
  expect(queue.length).to.equal(some.length)
  expect(queue.units).to.equal(some.reduce((units, record) => units + record.length, 0))
  expect(queue.countBytes()).to.equal(joined(some).length)
  expect(Buffer.from(queue.encode(some.length))).to.deep.equal(joined(some))
}

describe('WriteQueue', () => {
  it('is empty at first', () => {
    const queue = new WriteQueue()
    expectHolds(queue, [])
    expect(queue.countFitting(0)).to.equal(0)
    expect(queue.release(0)).to.deep.equal({ records: 0, beyond: 0 })
  })

  it('holds records in their order, and says how many units wait', () => {
    const queue = new WriteQueue()
    expect(queue.add('one\n')).to.equal(4)
    expect(queue.add('zwölf\n')).to.equal(10)
    expect(queue.add(Buffer.from('drei\n'))).to.equal(15)
    expectHolds(queue, ['one\n', 'zwölf\n', 'drei\n'])
  })

  it('copies bytes', () => {
    const queue = new WriteQueue()
    const bytes = Buffer.from('mine\n')
    queue.add(bytes)
    bytes.fill('x')
    expectHolds(queue, ['mine\n'])
  })

  it('takes bytes that are a part of a larger buffer for that part', () => {
    const queue = new WriteQueue()
    queue.add(Buffer.from('---one\n---').subarray(3, 7))
    expectHolds(queue, ['one\n'])
  })

  it('refuses what is no record, and takes nothing in', () => {
    const queue = queueOf(['one\n'])
    for (const record of ['', 'two', 'two\n ', 'two\r', new Uint8Array(0), Buffer.from('two')]) {
      expect(() => queue.add(record)).to.throw(
        TypeError,
        /^record: expected a string or a Uint8Array/,
      )
    }
    for (const record of [
      undefined,
      null,
      7,
      {},
      [0x0a],
      new Uint16Array([0x0a]),
      new String('a\n'),
    ]) {
      expect(() => queue.add(mistyped(record))).to.throw(TypeError, 'record: expected')
    }
    expect(() => queue.add('two')).to.throw(TypeError, String.raw`ends in '\n', got 'two'`)
    expectHolds(queue, ['one\n'])
  })

  it('counts to the byte which records fit', () => {
    for (const [record, bytes] of [
      ['abc\n', 4],
      ['ü€🦉\n', 10],
      ['\ud83e\n', 4],
      ['\udd89\ud83e\n', 7],
      [Uint8Array.of(0xff, 0x0a), 2],
    ] as const) {
      const queue = queueOf([record, 'x'.repeat(100) + '\n'])
      expect(byteLength(record)).to.equal(bytes)
      expect(queue.countFitting(bytes - 1)).to.equal(0)
      expect(queue.countFitting(bytes)).to.equal(1)
      expect(queue.countFitting(bytes + 100)).to.equal(1)
      expect(queue.countFitting(bytes + 101)).to.equal(2)
      expect(queue.countFitting(Infinity)).to.equal(2)
    }
  })

  it('counts for any records and any limit what a slow count says', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 300 }), (some, limit) => {
        let expected = 0
        while (expected < some.length && joined(some.slice(0, expected + 1)).length <= limit) {
          expected++
        }
        expect(queueOf(some).countFitting(limit)).to.equal(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('encodes the first of any records as their bytes, one after the other', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 12 }), (some, wanted) => {
        const count = Math.min(wanted, some.length)
        expect(Buffer.from(queueOf(some).encode(count))).to.deep.equal(joined(some.slice(0, count)))
      }),
      { numRuns: 1000 },
    )
  })

  it('encodes batches of any size', () => {
    for (const length of [1, 80_000, 87_381, 87_382, 262_143, 262_144, 1_000_000]) {
      for (const character of ['x', 'ü', '€', '\ud83e']) {
        const record = `${character.repeat(length)}\n`
        expect(joined([record]).equals(queueOf([record]).encode(1))).to.equal(true)
        expect(joined([record, 'y\n']).equals(queueOf([record, 'y\n']).encode(2))).to.equal(true)
      }
    }
  })

  it('encodes each batch anew', () => {
    const one = queueOf(['a long one before it\n'])
    const other = queueOf(['short\n'])
    one.encode(1)
    expect(Buffer.from(other.encode(1)).toString()).to.equal('short\n')
    expect(Buffer.from(one.encode(1)).toString()).to.equal('a long one before it\n')
  })

  it('lets go of the first records', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 12 }), records, (some, wanted, more) => {
        const queue = queueOf(some)
        const count = Math.min(wanted, some.length)
        queue.drop(count)
        expectHolds(queue, some.slice(count))
        for (const record of more) queue.add(record)
        expectHolds(queue, [...some.slice(count), ...more])
      }),
    )
  })

  it('lets go of the records that lie whole within so many bytes, and says what is beyond', () => {
    fc.assert(
      fc.property(records, fc.nat({ max: 300 }), (some, wanted) => {
        const bytes = Math.min(wanted, joined(some).length)
        const queue = queueOf(some)
        let whole = 0
        while (whole < some.length && joined(some.slice(0, whole + 1)).length <= bytes) whole++
        expect(queue.release(bytes)).to.deep.equal({
          records: whole,
          beyond: bytes - joined(some.slice(0, whole)).length,
        })
        expectHolds(queue, some.slice(whole))
      }),
      { numRuns: 500 },
    )
  })
})

describe('checkRecord', () => {
  it('takes text and bytes that end in a line end, other line ends among them', () => {
    for (const record of ['\n', 'a\n', 'a\nb\n', Buffer.from('a\n'), Uint8Array.of(0x0a)]) {
      expect(() => checkRecord(record)).not.to.throw()
    }
  })

  it('says what a record is, and what came', () => {
    expect(() => checkRecord(mistyped(7))).to.throw(
      TypeError,
      String.raw`record: expected a string or a Uint8Array that ends in '\n', got 7`,
    )
  })
})

describe('byteLength', () => {
  it('is the size in the file', () => {
    fc.assert(
      fc.property(fc.oneof(text, binary), record => {
        expect(byteLength(record)).to.equal(toBytes(record).length)
      }),
    )
  })
})
