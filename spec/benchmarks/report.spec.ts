import { expect } from 'chai'
import fs from 'node:fs'
import { answer, isMet, typical, typicalRatio } from '../../benchmarks/record.js'
import type { Answer, BenchRecord } from '../../benchmarks/record.js'
import { formatAnswer, formatCount, formatReport, formatValue } from '../../benchmarks/report.js'

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

  it('is what the records say, and holds no figure of its own', () => {
    const records = ['append', 'format', 'memory'].map(name => readRecord(`${name}.json`))
    const page = fs.readFileSync(new URL('docs/benchmarks.md', root), 'utf8')
    expect(page).to.equal(formatReport(records))
  })

  it('has every record', () => {
    const names = fs.readdirSync(new URL('benchmarks/record/', root)).sort()
    expect(names).to.deep.equal(['append.json', 'format.json', 'memory.json'])
  })

  function readRecord(name: string): BenchRecord {
    const text = fs.readFileSync(new URL(`benchmarks/record/${name}`, root), 'utf8')
    const record: BenchRecord = JSON.parse(text)
    return record
  }
})
