import { expect } from 'chai'
import { runChild } from '../../benchmarks/child.js'

const folder = new URL('../../benchmarks/', import.meta.url)

interface Measured {
  readonly settledMs: number
  readonly holdMs: number
}

describe('runChild', () => {
  it('runs a program with a task, and returns what it prints', () => {
    const task = { contender: 'idle', path: '', waitMs: 30 }
    const { settledMs, holdMs } = runChild(new URL('scale-child.mjs', folder), task) as Measured
    expect(settledMs).to.be.at.least(29)
    expect(holdMs).to.be.within(0, settledMs)
  })

  it('throws where the program fails', () => {
    expect(() => runChild(new URL('no-such-child.mjs', folder), {})).to.throw('Command failed')
  })
})
