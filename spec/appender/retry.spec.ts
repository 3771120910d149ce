import { expect } from 'chai'
import { Retry } from '../../lib/appender/retry.js'
import { ManualClock } from '../support/manual-clock.js'

describe('Retry', () => {
  let clock: ManualClock
  let told: string[]
  let retry: Retry

  beforeEach(() => {
    clock = new ManualClock('2016-09-07T13:03:57.400Z')
    told = []
    retry = new Retry(clock, {
      tryAgain: () => told.push('try'),
      askForRoom: () => told.push('ask'),
    })
  })

  it('tries again a quarter of a second later, once for each that is arranged', () => {
    retry.arrange()
    clock.pass(249)
    expect(told).to.deep.equal([])
    clock.pass(1)
    expect(told).to.deep.equal(['try'])
    clock.pass(10_000)
    expect(told).to.deep.equal(['try'])
  })

  it('has one try before it, however many are arranged', () => {
    retry.arrange()
    clock.pass(200)
    retry.arrange()
    clock.pass(249)
    expect(told).to.deep.equal([])
    clock.pass(1)
    expect(told).to.deep.equal(['try'])
  })

  it('asks for room at once, and each half minute at most', () => {
    retry.ask()
    retry.ask()
    clock.pass(29_999)
    retry.ask()
    expect(told).to.deep.equal(['ask'])
    clock.pass(1)
    expect(told).to.deep.equal(['ask'])
    retry.ask()
    expect(told).to.deep.equal(['ask', 'ask'])
  })

  it('does nothing any more once it is stopped, and begins anew after that', () => {
    retry.arrange()
    retry.ask()
    retry.stop()
    expect(clock.waiting).to.equal(0)
    retry.ask()
    expect(told).to.deep.equal(['ask', 'ask'])
  })
})
