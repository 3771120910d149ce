import { expect } from 'chai'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import {
  bytesOf,
  bytesOfRange,
  formatEvent,
  isPiece,
  Ledger,
  linesOf,
  MAX_SIZE,
  numberOf,
  recordOf,
  type LedgerEvent,
} from './ledger.js'
import { systemError } from './faulty-disk.js'

const NUMBERS = Array.from({ length: 60 }, (_, index) => index + 1)

describe('recordOf', () => {
  it('gives records of many lengths, text and bytes, that can be told apart from their first bytes on', () => {
    const sizes = NUMBERS.map(number => bytesOf(number).length)
    expect(Math.max(...sizes)).to.be.greaterThan(MAX_SIZE)
    expect(new Set(sizes).size).to.be.greaterThan(9)
    const kinds = new Set(NUMBERS.map(number => typeof recordOf(number)))
    expect([...kinds]).to.have.members(['string', 'object'])
    expect(NUMBERS.some(number => sizes[number - 1]! > recordOf(number).length)).to.equal(true)
    for (const number of NUMBERS) {
      expect(Buffer.from(recordOf(number) as string).equals(bytesOf(number))).to.equal(true)
      expect(bytesOf(number).indexOf('\n')).to.equal(bytesOf(number).length - 1)
      expect(numberOf(bytesOf(number).subarray(0, -1))).to.equal(number)
    }
  })

  it('is known again only whole', () => {
    for (const number of NUMBERS) {
      const line = bytesOf(number).subarray(0, -1)
      expect(numberOf(line.subarray(0, -1))).to.equal(undefined)
      expect(numberOf(Buffer.concat([line, Buffer.from('x')]))).to.equal(undefined)
      const other = Buffer.from(line)
      other[line.length - 3]! ^= 1
      expect(numberOf(other)).to.equal(undefined)
    }
  })
})

describe('isPiece', () => {
  it('is true of every beginning of a record, and false of what is glued, cut or strange', () => {
    for (const number of [1, 3, 7, 12]) {
      const line = bytesOf(number).subarray(0, -1)
      for (let end = 0; end <= line.length; end++) {
        expect(isPiece(line.subarray(0, end), 12), `${number} to ${end}`).to.equal(true)
      }
      expect(isPiece(line.subarray(1), 12)).to.equal(false)
      expect(isPiece(Buffer.concat([line.subarray(0, 9), line]), 12)).to.equal(false)
    }
    expect(isPiece(bytesOf(13).subarray(0, 10), 12), 'never handed over').to.equal(false)
    expect(isPiece(Buffer.from('x'), 12)).to.equal(false)
  })
})

describe('Ledger', () => {
  const log = (answers: (() => Promise<void>)[]) => ({
    append: () => answers.shift()?.() ?? Promise.resolve(),
    write: () => true,
    flush: () => Promise.resolve(),
    stats: () => ({ dropped: 0 }),
  })
  const closed = new RollkeeperError('ERR_ROLLKEEPER_CLOSED', 'closed')

  it('knows what came of each record', async () => {
    const ledger = new Ledger({ acknowledged: 1, unknown: 1 })
    const [kept, refused, never] = [
      Promise.resolve(),
      Promise.reject(closed),
      new Promise<void>(() => undefined),
    ]
    const given = log([() => kept, () => refused, () => never])
    await ledger.append(given)
    await ledger.append(given)
    void ledger.append(given)
    expect(ledger.entries).to.deep.equal([
      { number: 1, fate: 'acknowledged' },
      { number: 2, fate: 'unknown' },
      { number: 3, fate: 'acknowledged' },
      { number: 4, fate: 'rejected', code: 'ERR_ROLLKEEPER_CLOSED' },
      { number: 5, fate: 'unknown' },
    ])
    expect([...ledger.codes]).to.deep.equal(['ERR_ROLLKEEPER_CLOSED'])
    expect(ledger.defects).to.deep.equal([])
  })

  it('acknowledges what was written when it is flushed, but what is written later', async () => {
    const ledger = new Ledger()
    ledger.write(log([]))
    const flushed = ledger.flush(log([]))
    ledger.write(log([]))
    await flushed
    expect(ledger.entries.map(({ fate }) => fate)).to.deep.equal(['acknowledged', 'unknown'])
  })

  it('is the same again from what it printed, up to the last whole line', async () => {
    let printed = ''
    const print = (event: LedgerEvent): void => void (printed += formatEvent(event))
    const ledger = new Ledger({ acknowledged: 2 }, print)
    const given = log([() => Promise.resolve(), () => Promise.reject(closed)])
    await ledger.append(given)
    await ledger.append(given)
    ledger.excuse(bytesOf(3))
    ledger.failed(systemError('EIO'))
    ledger.end()
    const again = Ledger.read(`${printed}{"what":"ta`, { acknowledged: 2 })
    expect(again.entries).to.deep.equal(ledger.entries)
    expect([...again.excused]).to.deep.equal([3])
    expect([...again.codes]).to.deep.equal([...ledger.codes])
    expect(again.defects).to.deep.equal(ledger.defects)
    expect(again.hasEnded).to.equal(true)
  })

  it('takes an error of the system for a defect where it should be ours, and others always', async () => {
    const ledger = new Ledger()
    await ledger.attempt(Promise.reject(systemError('EIO')), 'the system')
    await ledger.attempt(Promise.reject(closed))
    expect(ledger.defects).to.deep.equal([])
    await ledger.attempt(Promise.reject(systemError('EIO')))
    await ledger.attempt(Promise.reject(new TypeError('x is not a function')), 'the system')
    expect(ledger.defects).to.have.length(2)
    expect(ledger.defects[1]).to.include('x is not a function')
  })

  it('takes it for a defect where a record is settled twice', async () => {
    const events = ['taken', 'acknowledged', 'acknowledged'].map(what => ({ what, number: 1 }))
    const ledger = Ledger.read(events.map(event => formatEvent(event as LedgerEvent)).join(''))
    expect(ledger.defects.join()).to.include('settled twice')
  })
})

describe('linesOf', () => {
  it('gives each line, and a last one that has no end', () => {
    const lines = linesOf(Buffer.concat([bytesOfRange([1, 2]), Buffer.from('r3')]))
    expect(lines.map(line => numberOf(line))).to.deep.equal([1, 2, undefined])
    expect(linesOf(Buffer.from('\n\n')).map(String)).to.deep.equal(['', ''])
    expect(linesOf(Buffer.alloc(0))).to.deep.equal([])
  })
})
