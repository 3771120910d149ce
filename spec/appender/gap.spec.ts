import { expect } from 'chai'
import { formatGap, formatGapBy, Losses } from '../../lib/appender/gap.js'
import { mistyped } from '../audit/mistyped.js'

const NOW = Date.parse('2016-09-07T13:03:57.400Z')

describe('formatGap', () => {
  it('is a line that tells when, how many records and bytes, and why', () => {
    expect(formatGap({ records: 12, bytes: 3456, why: 'ENOSPC' }, NOW)).to.equal(
      '2016-09-07T13:03:57.400Z rollkeeper: gap records=12 bytes=3456 why="ENOSPC"\n',
    )
  })

  it('is one line whatever the reason says', () => {
    for (const why of ['a\nb', 'a\r\nb', 'say "no"', '\\', '\0', '']) {
      const line = formatGap({ records: 1, bytes: 2, why }, NOW)
      expect(line.indexOf('\n'), JSON.stringify(why)).to.equal(line.length - 1)
      expect(JSON.parse(line.slice(line.indexOf('why=') + 4))).to.equal(why)
    }
  })
})

describe('formatGapBy', () => {
  const gap = { records: 12, bytes: 3456, why: 'ENOSPC' }
  const failures: unknown[] = []
  const failed = (cause: unknown): void => void failures.push(cause)

  beforeEach(() => failures.splice(0))

  it('is what the function gives, where that is a record', () => {
    const line = formatGapBy(({ records, why }) => `${records} ${why}\n`, gap, NOW, failed)
    expect(line).to.equal('12 ENOSPC\n')
    expect(failures).to.deep.equal([])
  })

  it('is as usual without a function', () => {
    expect(formatGapBy(undefined, gap, NOW, failed)).to.equal(formatGap(gap, NOW))
    expect(failures).to.deep.equal([])
  })

  it('is as usual where the function gives no record, and says what came', () => {
    for (const wrong of [undefined, null, '', 'no end', 7, Buffer.from('a\n'), new String('a\n')]) {
      expect(
        formatGapBy(
          mistyped(() => wrong),
          gap,
          NOW,
          failed,
        ),
      ).to.equal(formatGap(gap, NOW))
      expect(failures.pop()).to.be.instanceOf(TypeError)
    }
  })

  it('is as usual where the function throws, and hands on what it threw', () => {
    const cause = new Error('no words')
    const gapRecord = (): never => {
      throw cause
    }
    expect(formatGapBy(gapRecord, gap, NOW, failed)).to.equal(formatGap(gap, NOW))
    expect(failures).to.deep.equal([cause])
  })

  it('gives the function a gap of its own', () => {
    const change = (given: { records: number }): string => {
      given.records = 0
      return ''
    }
    expect(formatGapBy(change, gap, NOW, failed)).to.equal(formatGap(gap, NOW))
    expect(gap.records).to.equal(12)
  })
})

describe('Losses', () => {
  it('counts what is lost, in all and in the stretch that has not ended', () => {
    const losses = new Losses()
    expect(losses.gap).to.equal(undefined)
    losses.add(1, 20, 'EIO')
    losses.add(2, 30, 'ENOSPC')
    expect(losses.gap).to.deep.equal({ records: 3, bytes: 50, why: 'ENOSPC' })
    losses.endGap()
    expect(losses.gap).to.equal(undefined)
    losses.add(1, 5, 'ENOSPC')
    expect(losses.gap).to.deep.equal({ records: 1, bytes: 5, why: 'ENOSPC' })
    expect(losses.records).to.equal(4)
  })

  it('knows the lines that wait, by their places', () => {
    const losses = new Losses()
    losses.noteLine(3, 'gap\n')
    losses.noteLine(7, 'gäp\n')
    expect(losses.linesAfter(3)).to.deep.equal({ records: 2, bytes: 9 })
    expect(losses.linesAfter(4)).to.deep.equal({ records: 1, bytes: 5 })
    expect(losses.linesAfter(8)).to.deep.equal({ records: 0, bytes: 0 })
    losses.forgetLines()
    expect(losses.linesAfter(0)).to.deep.equal({ records: 0, bytes: 0 })
  })
})
