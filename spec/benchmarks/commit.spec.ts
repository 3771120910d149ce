import { expect } from 'chai'
import { commit, linesFor, WAITERS } from '../../benchmarks/commit.bench.js'
import { typical } from '../../benchmarks/record.js'

describe('commit', () => {
  for (const waiters of WAITERS) {
    it(`writes every line by ${waiters} waiters, and measures ours and the bare loop`, async () => {
      const scale = { lines: linesFor(waiters, 20), warmups: 0, rounds: 1 }
      const given = await commit(scale, waiters) // throws where what was written is wrong
      const { wanted, reference } = given.question
      expect(given.rows.map(row => row.name)).to.deep.equal([wanted.row, reference])
      for (const row of given.rows) expect(typical(given, row.name)).to.be.greaterThan(0)
    })
  }
})

describe('linesFor', () => {
  it('is a whole number of blocks', () => {
    expect(linesFor(100, 300)).to.equal(30_000)
    expect(linesFor(7, 11)).to.equal(140)
  })
})
