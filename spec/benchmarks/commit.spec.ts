import { expect } from 'chai'
import { commit, linesFor, WAITERS } from '../../benchmarks/commit.bench.js'
import { typical } from '../../benchmarks/record.js'

describe('commit', () => {
  for (const waiters of WAITERS) {
    it(`writes every line by ${waiters} waiters, and measures ours, the bare loop and a peer`, async () => {
      const scale = { lines: linesFor(waiters, 20), warmups: 0, rounds: 1 }
      const given = await commit(scale, waiters) // throws where what was written is wrong
      const { wanted, reference } = given.question
      const [ours, bare, sonicBoom, ...others] = given.rows.map(row => row.name)
      expect([ours, bare, ...others]).to.deep.equal([wanted.row, reference])
      expect(sonicBoom).to.match(/^sonic-boom: /)
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
