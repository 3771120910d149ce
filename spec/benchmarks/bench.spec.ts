import { expect } from 'chai'
import {
  appendInGroups,
  appendOneByOne,
  appendSynced,
  write,
} from '../../benchmarks/append.bench.js'
import { archive } from '../../benchmarks/archive.bench.js'
import { auditLog } from '../../benchmarks/format.bench.js'
import { memory } from '../../benchmarks/memory.bench.js'
import type { Scale } from '../../benchmarks/measure.js'
import { typical, type Answer } from '../../benchmarks/record.js'
import { scale as scaleBackups } from '../../benchmarks/scale.bench.js'

const scale: Scale = { lines: 4000, warmups: 1, rounds: 1 }

const BENCHES = { write, appendInGroups, appendOneByOne, appendSynced, auditLog, memory }

for (const [name, bench] of Object.entries(BENCHES)) {
  describe(name, () => {
    it('writes every line, and measures each contender, ours first', async () => {
      const given: Answer = await bench(scale) // throws where what was written is wrong
      const { wanted, reference } = given.question
      expect(given.rows[0]?.name).to.equal(wanted.row)
      expect(given.rows.map(row => row.name)).to.include(reference)
      for (const row of given.rows) {
        expect(row.rounds).to.have.lengthOf(1)
        expect(typical(given, row.name)).to.be.greaterThan(0)
      }
    })
  })
}

describe('archive', () => {
  it('makes archives, writes beside them, and measures each contender, ours first', async () => {
    const answers = await archive({ bytes: 500_000, rounds: 1 }) // throws where an archive is wrong
    expect(answers).to.have.lengthOf(3)
    for (const { question, rows } of answers) {
      const figures = [question.wanted].flat()
      const names = rows.map(row => row.name)
      for (const { row } of figures) expect(names).to.include(row)
      if ('reference' in question) expect(names).to.include(question.reference)
      for (const row of rows) {
        const rounds = 'cells' in row ? row.cells.flat() : row.rounds
        expect(rounds, row.name).to.have.lengthOf(
          'columns' in question ? question.columns.length : 1,
        )
        expect(rounds.every(Number.isFinite), row.name).to.equal(true)
      }
    }
  }).timeout(60_000)
})

describe('scale', () => {
  it('opens, rotates and prunes among few and more backups, ours first', async () => {
    const grids = await scaleBackups({ sizes: [10, 30], rounds: 1, peerRounds: 1 })
    expect(grids).to.have.lengthOf(6)
    for (const { question, rows } of grids) {
      expect(question.columns).to.deep.equal(['10', '30'])
      expect(rows[0]?.name).to.match(/^rollkeeper/)
      for (const { name, cells } of rows) {
        for (const cell of cells) expect(cell, name).to.have.lengthOf(1)
        expect(cells.flat().every(Number.isFinite), name).to.equal(true)
      }
    }
  }).timeout(60_000)
})
