import { expect } from 'chai'
import { FileLimits } from '../../lib/appender/file-limits.js'
import type { RotationLimits } from '../../lib/rotation/rotation-policy.js'
import { ManualClock } from '../support/manual-clock.js'

describe('FileLimits', () => {
  const clock = new ManualClock()
  let answer: () => RotationLimits
  let told: string[]
  let limits: FileLimits

  const begin = (bytes = 0, openedAt = clock.now()) =>
    limits.begin({ path: '/logs/audit.log', openedAt: new Date(openedAt), bytes })

  beforeEach(() => {
    answer = () => ({})
    told = []
    limits = new FileLimits(
      clock,
      { maxBytes: Infinity, rotation: () => answer() },
      {
        due: () => told.push('due'),
        warn: error => told.push(error.message),
      },
    )
  })

  afterEach(() => limits.stop())

  it('has no limit where the policy sets none', () => {
    begin()
    expect(limits).to.include({ bytes: Infinity, time: 'running' })
    expect(clock.waiting).to.equal(0)
  })

  it('tells when the time of the file has come, and is over from then on', () => {
    const until = new Date(clock.now() + 1000)
    answer = () => ({ until })
    begin()
    clock.pass(999)
    expect(limits.time).to.equal('running')
    clock.pass(1)
    expect(limits.time).to.equal('over')
    expect(told).to.deep.equal(['due'])
  })

  it('knows a file whose time has not begun, since the clock was set back', () => {
    answer = () => ({ until: new Date(clock.now() + 1000) })
    const openedAt = clock.now()
    begin()
    clock.set(new Date(openedAt - 86_400_000).toISOString())
    expect(limits.time).to.equal('not begun')
    begin()
    expect(limits.time).to.equal('running')
    clock.set(new Date(openedAt).toISOString())
    expect(limits.time).to.equal('over')
  })

  it('keeps to maxBytes, whatever the policy says, and when it fails', () => {
    limits = new FileLimits(
      clock,
      { maxBytes: 100, rotation: () => answer() },
      { due: () => undefined, warn: error => told.push(error.message) },
    )
    for (const [bytes, expected] of [
      [50, 50],
      [200, 100],
      [undefined, 100],
    ] as const) {
      answer = () => (bytes === undefined ? {} : { bytes })
      begin()
      expect(limits.bytes).to.equal(expected)
    }
    answer = () => {
      throw new Error('out of order')
    }
    begin()
    expect(limits.bytes).to.equal(100)
    expect(told).to.have.length(1)
  })

  it('forgets the time of the file before', () => {
    answer = () => ({ until: new Date(clock.now() + 1000) })
    begin()
    answer = () => ({})
    begin()
    clock.pass(5000)
    expect(told).to.deep.equal([])
  })

  it('keeps the last limits when the policy fails, and says so', () => {
    answer = () => ({ bytes: 5 })
    begin()
    answer = () => {
      throw new Error('out of order')
    }
    begin()
    expect(limits.bytes).to.equal(5)
    expect(told).to.have.length(1)
    expect(told[0]).to.match(/out of order/)
  })

  it('takes no time that is over when an empty file begins, only its size', () => {
    answer = () => ({ bytes: 5, until: new Date(clock.now()) })
    begin()
    expect(limits).to.include({ bytes: 5, time: 'running' })
    expect(told).to.have.length(1)
  })

  it('takes a time that is over for a file that was found with records in it', () => {
    answer = () => ({ until: new Date(clock.now() - 1) })
    begin(100, clock.now() - 1000)
    expect(limits.time).to.equal('over')
    expect(told).to.deep.equal([])
  })
})
