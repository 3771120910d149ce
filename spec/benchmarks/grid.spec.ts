import { expect } from 'chai'
import { GridSheet, isCellMet, typicalCell } from '../../benchmarks/grid.js'
import type { Grid, GridQuestion } from '../../benchmarks/grid.js'

const figure = { row: 'ours', column: '1,000', valueAtMost: 5 }
const question: GridQuestion = {
  title: 'open',
  about: 'From here to there.',
  unit: 'ms',
  heading: 'backups',
  columns: ['10', '1,000'],
  wanted: [figure],
}

/** A grid with these rounds of `ours` in its last column. */
function given(...values: number[]): Grid {
  const sheet = new GridSheet(question, ['ours', 'theirs'])
  for (const value of values) sheet.add('ours', '1,000', value)
  return sheet.grid()
}

describe('GridSheet', () => {
  it('gathers rounds by row and column, to a microsecond', () => {
    const sheet = new GridSheet(question, ['ours', 'theirs'])
    sheet.add('ours', '10', 1.234567)
    sheet.add('theirs', '1,000', 7)
    sheet.add('ours', '10', -0.5)
    expect(sheet.grid()).to.deep.equal({
      question,
      rows: [
        { name: 'ours', cells: [[1.235, -0.5], []] },
        { name: 'theirs', cells: [[], [7]] },
      ],
    })
  })

  it('refuses a row or a column that is not there', () => {
    const sheet = new GridSheet(question, ['ours'])
    expect(() => sheet.add('theirs', '10', 1)).to.throw(RangeError, 'no cell theirs, 10')
    expect(() => sheet.add('ours', '100', 1)).to.throw(RangeError, 'no cell ours, 100')
  })
})

describe('typicalCell', () => {
  it('is the middle round, and nothing where nothing was measured', () => {
    expect(typicalCell(given(9, 1, 4), 'ours', '1,000')).to.equal(4)
    expect(typicalCell(given(9), 'theirs', '1,000')).to.equal(undefined)
    expect(() => typicalCell(given(9), 'nobody', '10')).to.throw(RangeError)
  })
})

describe('isCellMet', () => {
  it('holds the middle round against the figure', () => {
    expect(isCellMet(given(5, 1, 90), figure)).to.equal(true)
    expect(isCellMet(given(5.001), figure)).to.equal(false)
  })

  it('misses what was not measured', () => {
    expect(isCellMet(given(), figure)).to.equal(false)
  })
})
