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
  expect(queue.countRecords()).to.equal(some.length)
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

describe('WriteQueue, packed', () => {
  /** Takes all that waits, as a file does: what can be taken together, until nothing is left. */
  function drain(queue: WriteQueue): { bytes: Buffer; largest: number } {
    const taken: Buffer[] = []
    while (queue.length > 0) {
      taken.push(Buffer.from(queue.encode(queue.length)))
      queue.drop(queue.length)
    }
    return { bytes: Buffer.concat(taken), largest: Math.max(0, ...taken.map(one => one.length)) }
  }

  type Step =
    | { readonly do: 'add' | 'addPacked'; readonly record: AuditRecord }
    | { readonly do: 'pack' | 'clear' }
    | { readonly do: 'drop' | 'release' | 'fit'; readonly share: number }

  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('add'), record: fc.oneof(text, binary) }) },
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('addPacked'), record: fc.oneof(text, binary) }),
    },
    fc.record({ do: fc.constantFrom('pack', 'pack', 'pack', 'clear') }),
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('drop', 'release', 'fit'),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  )

  it('holds the same records in the same order as a plain list, whatever is done', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const queue = new WriteQueue()
        let held: AuditRecord[] = []
        for (const one of steps) {
          if (one.do === 'add') queue.add(one.record)
          if (one.do === 'addPacked') queue.addPacked(one.record)
          if ('record' in one) held.push(one.record)
          if (one.do === 'pack') queue.pack()
          if (one.do === 'clear') {
            queue.clear()
            held = []
          }
          if ('share' in one) {
            const offered = held.slice(0, queue.length)
            const bytes = Math.round(one.share * joined(offered).length)
            let whole = 0
            while (whole < offered.length && joined(offered.slice(0, whole + 1)).length <= bytes) {
              whole++
            }
            const count = one.do === 'drop' ? Math.round(one.share * queue.length) : whole
            if (one.do === 'fit') expect(queue.countFitting(bytes)).to.equal(whole)
            if (one.do === 'drop') queue.drop(count)
            if (one.do === 'release') {
              const beyond = bytes - joined(offered.slice(0, whole)).length
              expect(queue.release(bytes)).to.deep.equal({ records: whole, beyond })
            }
            if (one.do !== 'fit') held = held.slice(count)
          }
          expect(queue.countRecords()).to.equal(held.length)
          expect(queue.countBytes()).to.equal(joined(held).length)
          const some = Math.ceil(queue.length / 2)
          expect(Buffer.from(queue.encode(some))).to.deep.equal(joined(held.slice(0, some)))
        }
        expect(drain(queue).bytes).to.deep.equal(joined(held))
        expect(queue.countRecords() + queue.countBytes()).to.equal(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('offers records of any length whole, and not much more than 256 KiB of short ones', () => {
    const kib = 1024
    const lengths = [
      1,
      3,
      4095,
      4096,
      4097,
      100 * kib,
      130 * kib,
      256 * kib,
      256 * kib + 1,
      2,
      600 * kib,
    ]
    for (const each of [[19], [199], lengths, lengths.toReversed()]) {
      const queue = new WriteQueue()
      const some: string[] = []
      for (let bytes = 0; bytes < 1300 * kib; bytes += some.at(-1)!.length) {
        some.push(`${'x'.repeat(each[some.length % each.length]! - 1)}\n`)
        queue.addPacked(some.at(-1)!)
      }
      const { bytes, largest } = drain(queue)
      expect(bytes.equals(joined(some))).to.equal(true)
      expect(largest).to.be.at.most(Math.max(256 * kib, ...each))
    }
  })

  it('keeps together what is packed together, with what comes after at most', () => {
    const record = `${'x'.repeat(100_000)}\n`
    const queue = queueOf(Array.from({ length: 10 }, () => record))
    queue.pack()
    queue.addPacked('after\n')
    expect(queue.length).to.equal(10)
    const small = queueOf(['one\n', 'two\n'])
    small.pack()
    small.addPacked('after\n')
    expect(Buffer.from(small.encode(small.length)).toString()).to.equal('one\ntwo\nafter\n')
  })

  it('encodes nothing again: each try is given the same memory', () => {
    const queue = queueOf(['one\n', 'two\n'])
    queue.pack()
    expect(queue.encode(2).buffer).to.equal(queue.encode(2).buffer)
    expect(queue.encode(1).buffer).to.equal(queue.encode(2).buffer)
  })

  it('has memory of its own, and little more than it holds', () => {
    const bytes = Buffer.from('mine\n')
    const queue = new WriteQueue()
    queue.addPacked(bytes)
    bytes.fill('x')
    expect(Buffer.from(queue.encode(1)).toString()).to.equal('mine\n')
    expect(queue.encode(1).buffer.byteLength).to.be.at.most(4096)
    for (const length of [70_000, 90_000, 140_000]) {
      const long = new WriteQueue()
      for (let i = 0; i < 4; i++) long.addPacked(`${'x'.repeat(length - 1)}\n`)
      const together = long.encode(long.length)
      expect(together.buffer.byteLength).to.be.at.most(together.length * 1.12)
    }
  })

  it('refuses what is no record, and takes nothing in', () => {
    const queue = new WriteQueue()
    expect(() => queue.addPacked('two')).to.throw(TypeError, 'record: expected')
    expect(queue.countRecords()).to.equal(0)
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
