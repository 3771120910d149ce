import { expect } from 'chai'
import {
  appendInGroups,
  appendOneByOne,
  appendSynced,
  write,
} from '../../benchmarks/append.bench.js'
import { auditLog } from '../../benchmarks/format.bench.js'
import { memory } from '../../benchmarks/memory.bench.js'
import type { Scale } from '../../benchmarks/measure.js'
import { typical, type Answer } from '../../benchmarks/record.js'

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
