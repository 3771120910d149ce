import { expect } from 'chai'
import { formatGap } from '../../lib/appender/gap.js'

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
