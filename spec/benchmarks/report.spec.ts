import { expect } from 'chai'
import fs from 'node:fs'
import { answer, isMet, typical, typicalRatio } from '../../benchmarks/record.js'
import type { Answer, BenchRecord } from '../../benchmarks/record.js'
import type { Grid } from '../../benchmarks/grid.js'
import {
  formatAnswer,
  formatCount,
  formatGrid,
  formatReport,
  formatTable,
  formatValue,
} from '../../benchmarks/report.js'

const question = {
  title: 'write',
  about: 'Durability: none.',
  unit: 'lines/s',
  reference: 'bare',
  wanted: { row: 'ours', ratioAtLeast: 0.7 },
} as const
const scale = { lines: 2_000_000, warmups: 1, rounds: 3 }

function given(
  ours: number[],
  bare: number[],
  wanted: Partial<Answer['question']['wanted']>,
): Answer {
  const asked = { ...question, wanted: { row: 'ours', ...wanted } }
  return answer(asked, scale, new Map([['ours', ours], ['bare', bare]])) // prettier-ignore
}

describe('formatAnswer', () => {
  it('writes a table: medians, their range, ratios, and whether the figure was met', () => {
    const ours = [6_100_000, 7_000_000, 3_000_000.4]
    expect(formatAnswer(given(ours, [9e6, 1e7, 8e6], { ratioAtLeast: 0.7 }))).to.equal(
      `### Write

Durability: none. 2,000,000 lines, 3 rounds.

|  | lines/s | slowest to fastest | ratio to bare | wanted |
| --- | --: | --: | --: | --: |
| ours | 6.10 M | 3.00 M to 7.00 M | 0.68 | at least 0.7 of bare: **missed** |
| bare | 9.00 M | 8.00 M to 10.0 M | 1 |  |
`,
    )
  })
})

describe('formatAnswer of a row that is no bare loop', () => {
  it('names what the ratios are to', () => {
    const asked = { ...question, reference: 'alone', wanted: { row: 'ours', ratioAtLeast: 0.9 } }
    const rows = new Map([['ours', [9]], ['alone', [10]]]) // prettier-ignore
    const text = formatAnswer(answer(asked, scale, rows))
    expect(text).to.include('ratio to alone').and.include('at least 0.9 of alone: met')
  })
})

describe('formatAnswer of times and requests', () => {
  it('knows a ratio that is not to be passed, and figures of more rows than one', () => {
    const asked = {
      ...question,
      unit: 'µs',
      wanted: { row: 'ours', ratioAtMost: 1.25 },
      alsoWanted: [{ row: 'our other', ratioAtMost: 1.25 }],
    } as const
    const rows = new Map([['ours', [1250]], ['our other', [1251]], ['bare', [1000]]]) // prettier-ignore
    const text = formatAnswer(answer(asked, { requests: 5000, warmups: 1, rounds: 1 }, rows))
    expect(text).to.include('5,000 requests, 1 rounds').and.include('least to most')
    expect(text).to.include('| ours | 1,250 | 1,250 to 1,250 | 1.25 | at most 1.25 of bare: met |')
    expect(text).to.match(/\| our other \|.* at most 1\.25 of bare: \*\*missed\*\* \|/)
  })
})

describe('formatGrid', () => {
  const rows: Grid['rows'] = [
    { name: 'ours', cells: [[0.004, 0.004, 9], [9.99], [5000]] },
    { name: 'theirs', cells: [[99.9], [-0.25], []] },
  ]
  const grid = (wanted: Grid['question']['wanted']): Grid => {
    const columns = ['10', '100', '1,000']
    const { title, about } = question
    return { question: { title, about, unit: 'ms', heading: 'backups', columns, wanted }, rows }
  }

  it('writes a table: a median for each cell, empty where there is none', () => {
    expect(formatGrid(grid([]))).to.equal(
      `### Write

Durability: none. 3 rounds.

| ms, backups: | 10 | 100 | 1,000 |
| --- | --: | --: | --: |
| ours | 0.00 | 9.99 | 5,000 |
| theirs | 99.9 | -0.25 |  |
`,
    )
  })

  it('says of each figure that was wanted whether it was met', () => {
    const wanted = [
      { row: 'ours', column: '100', valueAtMost: 10 },
      { row: 'ours', column: '1,000', valueAtMost: 30 },
    ]
    const [, , , , header, , ours, theirs] = formatGrid(grid(wanted)).split('\n')
    expect(header).to.match(/ 1,000 \| wanted \|$/)
    expect(ours).to.match(/\| 100: at most 10, met; 1,000: at most 30, \*\*missed\*\* \|$/)
    expect(theirs).to.match(/\|  \|$/)
  })

  it('is what formatTable does with a grid', () => {
    expect(formatTable(grid([]))).to.equal(formatGrid(grid([])))
    expect(formatTable(given([1], [1], {}))).to.equal(formatAnswer(given([1], [1], {})))
  })
})

describe('isMet', () => {
  it('holds the middle round against a ratio, exactly reached or not', () => {
    expect(isMet(given([7, 1, 9], [10, 10, 10], { ratioAtLeast: 0.7 }))).to.equal(true)
    expect(isMet(given([6, 6, 9], [10, 10, 10], { ratioAtLeast: 0.7 }))).to.equal(false)
  })

  it('holds it against a least and a most value', () => {
    expect(isMet(given([20], [1], { valueAtLeast: 20 }))).to.equal(true)
    expect(isMet(given([19], [1], { valueAtLeast: 20 }))).to.equal(false)
    expect(isMet(given([150], [1], { valueAtMost: 150 }))).to.equal(true)
    expect(isMet(given([151], [1], { valueAtMost: 150 }))).to.equal(false)
  })
})

describe('typical', () => {
  it('refuses a row that is not there', () => {
    expect(() => typical(given([1], [1], {}), 'theirs')).to.throw('there is no row theirs')
  })
})

describe('typicalRatio', () => {
  it('compares within each round, so that a slow minute counts for neither', () => {
    const drifting = given([10, 1, 100, 20], [20, 2, 200, 10], {})
    expect(typicalRatio(drifting, 'ours')).to.equal(0.5)
  })
})

describe('formatValue', () => {
  it('has three digits and a unit', () => {
    const speeds = [12, 999, 1234, 734_499, 999_499, 999_500, 3_456_000, 12_345_678]
    const formatted = '12.0, 999, 1.23 k, 734 k, 999 k, 1.00 M, 3.46 M, 12.3 M'
    expect(speeds.map(speed => formatValue(speed, 'lines/s')).join(', ')).to.equal(formatted)
    expect(formatValue(1016.4, 'MB')).to.equal('1016')
    expect(formatCount(2_000_000)).to.equal('2,000,000')
  })
})

describe('docs/benchmarks.md', () => {
  const root = new URL('../../', import.meta.url)

  /** In the order of the report. */
  const names = ['append', 'format', 'memory', 'archive', 'scale', 'http'].map(
    name => `${name}.json`,
  )
  const made = fs.readdirSync(new URL('benchmarks/record/', root))

  it('is what the records say, and holds no figure of its own', () => {
    const records = names.filter(name => made.includes(name)).map(readRecord)
    const page = fs.readFileSync(new URL('docs/benchmarks.md', root), 'utf8')
    expect(page).to.equal(formatReport(records))
  })

  it('has every record', () => {
    expect(names).to.include.members(made)
  })

  function readRecord(name: string): BenchRecord {
    const text = fs.readFileSync(new URL(`benchmarks/record/${name}`, root), 'utf8')
    const record: BenchRecord = JSON.parse(text)
    return record
  }
})
