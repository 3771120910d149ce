import { expect } from 'chai'
import type { Grid } from '../../benchmarks/grid.js'
import { httpEndurance, httpLatency, httpSpeed } from '../../benchmarks/http.bench.js'
import type { Answer } from '../../benchmarks/record.js'

const scale = { requests: 200, warmups: 0, rounds: 1 }

const CONTENDERS = 7

/** Throws unless each row has a figure for all that was asked, ours first. */
function expectAll({ question, rows }: Answer | Grid): void {
  const names = rows.map(({ name }) => name)
  expect(names[0]).to.match(/^rollkeeper/)
  for (const { row } of [question.wanted].flat()) expect(names).to.include(row)
  for (const row of rows) {
    const rounds = 'cells' in row ? row.cells : [row.rounds]
    for (const values of rounds) {
      expect(values, row.name).to.have.lengthOf(1)
      expect(values.every(Number.isFinite), row.name).to.equal(true)
    }
  }
}

describe('httpSpeed', () => {
  it('logs every request, and measures each contender beside a server without a log', async () => {
    const tables = await httpSpeed(scale) // throws where a log is wrong
    expect(tables).to.have.lengthOf(2)
    for (const table of tables) {
      expectAll(table)
      expect(table.rows).to.have.lengthOf(CONTENDERS)
    }
  }).timeout(60_000)
})

describe('httpLatency', () => {
  it('logs every request, and measures how long clients of each contender wait', async () => {
    const tables = await httpLatency(scale) // throws where a log is wrong
    expect(tables).to.have.lengthOf(2)
    for (const table of tables) {
      expectAll(table)
      expect(table.rows).to.have.lengthOf(CONTENDERS)
    }
  }).timeout(60_000)
})

describe('httpEndurance', () => {
  it('logs every request of many connections, and measures memory between and after', async () => {
    const grid = await httpEndurance({ requestsBefore: 100, requests: 500, connections: 20 })
    expectAll(grid)
    expect(grid.question.columns).to.deep.equal(['100', '500', 'growth'])
  }).timeout(60_000)
})
