import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { allScenarios, scenarioNamed } from '../support/scenarios.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { effectsOf, FAULT_POINTS, faultsAt, formatFault, parseFault } from './fault-points.js'
import { allFaults, countCalls, pairFaults, runScenario, sampleFaults } from './fault-run.js'
import { formatDocument, type FaultsRecord } from './faults-record.js'
import { promptDisk } from './injected-disk.js'

/** Runs of each error of each call, in each scenario. `npm run test:faults` makes all of them. */
const EACH = 2
/** Runs with two faults, in each scenario. */
const PAIRS = 20

const RECORD = fileURLToPath(new URL('record.json', import.meta.url))
const DOCUMENT = fileURLToPath(new URL('../../docs/faults.md', import.meta.url))

describe('the fault matrix', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()

  for (const scenario of allScenarios()) {
    it(`survives each error of each call: ${scenario.name}`, async () => {
      const counts = await countCalls(scenario, at())
      const faults = sampleFaults(allFaults(counts), EACH, scenario.name)
      const pairs = pairFaults(allFaults(counts), PAIRS, scenario.name)
      const failed: string[] = []
      for (const some of [...faults.map(fault => [fault]), ...pairs]) {
        const ground = { directory: at(), disk: promptDisk }
        const { problems } = await runScenario(scenario, ground, ...some)
        if (problems.length === 0) continue
        const again = [scenario.name, ...some.map(formatFault)].join("' '")
        failed.push([`npx tsx spec/faults/matrix.ts '${again}'`, ...problems].join('\n  '))
      }
      expect(failed.join('\n'), 'what was not survived').to.equal('')
      const errors = (list: readonly { call: string; code: string }[]): Set<string> =>
        new Set(list.map(({ call, code }) => `${call} ${code}`))
      expect(errors(faults)).to.deep.equal(errors(allFaults(counts)))
    })
  }

  it('is never survived by a disk that loses, repeats, tears or glues what it was given', async () => {
    const ground = (disk: Disk) => ({ directory: at(), disk })
    const scenario = scenarioNamed('append, flush')
    const lie = (how: (write: () => number, count: number, args: Written) => number): Disk => {
      let count = 0
      return {
        ...promptDisk,
        write: (...args) => how(() => systemDisk.write(...args), ++count, args),
      }
    }
    const lies: [string, Disk][] = [
      ['lost', lie((write, count, [, , , length]) => (count === 9 ? length : write()))],
      ['doubled', lie((write, count) => (count === 9 && write(), write()))],
      ['glued', lie((write, count, args) => (count === 5 ? writeHalf(args) : write()))],
    ]
    for (const [problem, disk] of lies) {
      const { problems } = await runScenario(scenario, ground(disk))
      expect(problems.join('\n'), problem).to.include(problem)
    }
  })
})

type Written = Parameters<Disk['write']>

/** Says that it took all. */
function writeHalf([fd, bytes, offset, length]: Written): number {
  systemDisk.write(fd, bytes, offset, Math.floor(length / 2))
  return length
}

describe('the list of fault points', () => {
  it('has each call of the disk, and no other', () => {
    const steps = ['scan.next', 'entries.next']
    const calls = [...Object.keys(systemDisk), ...steps].toSorted()
    expect(Object.keys(FAULT_POINTS).toSorted()).to.deep.equal(calls)
  })

  it('names each fault in a line that can be read again', () => {
    const faults = Object.keys(FAULT_POINTS).flatMap(call => faultsAt(call, 3))
    for (const fault of faults) expect(parseFault(formatFault(fault))).to.deep.equal(fault)
    expect(new Set(faults.map(formatFault)).size).to.equal(faults.length)
    expect(() => parseFault('rename#1 EBUSY')).to.throw('no fault')
  })

  it('has each error twice where a call can have an effect, and its parts where it writes', () => {
    expect(effectsOf('rename', 'EBUSY')).to.deep.equal(['without', 'after'])
    expect(effectsOf('write', 'EIO')).to.deep.equal(['without', 'after', 'part'])
    expect(effectsOf('write', 'short')).to.deep.equal(['part'])
    expect(effectsOf('lstat', 'EACCES')).to.deep.equal(['without'])
  })
})

describe('docs/faults.md', () => {
  let record: FaultsRecord

  before(() => {
    record = fs.readJsonSync(RECORD)
  })

  it('is made of the record of the last whole run', () => {
    expect(fs.readFileSync(DOCUMENT, 'utf8')).to.equal(formatDocument(record))
  })

  it('has all scenarios there are, all of their runs survived, and names each pair that was not', () => {
    const names = record.scenarios.map(({ name }) => name)
    expect(names).to.deep.equal(allScenarios().map(({ name }) => name))
    for (const { survivors, runs } of [...record.scenarios, record.sample]) {
      expect(runs).to.be.greaterThan(0)
      expect(survivors).to.equal(runs)
    }
    const { runs, survivors } = record.pairs
    expect(record.failures.map(({ faults }) => faults.length)).to.deep.equal(
      Array.from({ length: runs - survivors }, () => 2),
    )
  })
})
