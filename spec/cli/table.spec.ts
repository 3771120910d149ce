import { expect } from 'chai'
import { tabbedLines, tableLines } from '../../lib/cli/table.js'

describe('tableLines', () => {
  it('aligns cells under their titles, with nothing at the ends of lines', () => {
    const columns = [
      { title: 'NAME' },
      { title: 'SIZE', align: 'right' },
      { title: 'WHY' },
    ] as const
    const rows = [
      ['a long name', '5 B', ''],
      ['b', '1000 B', 'because of it'],
    ]
    expect([...tableLines(columns, rows)].join('')).to.equal(
      'NAME           SIZE  WHY\n' +
        'a long name     5 B\n' +
        'b            1000 B  because of it\n',
    )
  })

  it('shows what a terminal would obey, and counts its length', () => {
    const columns = [{ title: 'NAME' }, { title: 'WHY' }]
    expect([...tableLines(columns, [['\x1b[2J', 'a\nb']])].join('')).to.equal(
      'NAME     WHY\n' + String.raw`\x1b[2J  a\nb` + '\n',
    )
  })

  it('takes more rows than a call takes arguments', () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => [String(index)])
    expect([...tableLines([{ title: 'N' }], rows)]).to.have.lengthOf(200_001)
  })
})

describe('tabbedLines', () => {
  it('puts one tab between cells, also empty ones, and shows those within', () => {
    const lines = [...tabbedLines([['a', '', 'b'], ['tab\there']])]
    expect(lines).to.deep.equal(['a\t\tb\n', String.raw`tab\there` + '\n'])
  })
})
