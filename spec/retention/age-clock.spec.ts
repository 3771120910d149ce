import { expect } from 'chai'
import * as fc from 'fast-check'
import type { Clock } from '../../lib/platform/clock.js'
import { AgeClock } from '../../lib/retention/age-clock.js'
import { ManualClock } from '../support/manual-clock.js'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

describe('AgeClock', () => {
  let clock: ManualClock
  let start: number
  beforeEach(() => {
    clock = new ManualClock()
    start = clock.now()
  })

  const step = (ms: number): void => clock.set(clock.now() + ms)

  it('tells the time of the wall clock, to the millisecond, as long as nobody sets that', () => {
    const ages = new AgeClock(clock)
    for (const ms of [0, 1, MINUTE_MS, 400 * DAY_MS]) {
      clock.pass(ms)
      expect(ages.now()).to.equal(clock.now())
      expect(ages.aheadMs()).to.equal(0)
    }
  })

  it('goes on with the wall clock while the machine is suspended', () => {
    const ages = new AgeClock(clock)
    clock.suspend(3 * DAY_MS)
    expect(ages.now()).to.equal(start + 3 * DAY_MS)
  })

  it('does not follow a clock that is set forward, and tells how far that is ahead', () => {
    const ages = new AgeClock(clock)
    step(2 * YEAR_MS)
    clock.pass(MINUTE_MS)
    expect(ages.now()).to.equal(start + MINUTE_MS)
    expect(ages.aheadMs()).to.equal(2 * YEAR_MS)
    step(-2 * YEAR_MS)
    expect(ages.now()).to.equal(start + MINUTE_MS)
    expect(ages.aheadMs()).to.equal(0)
  })

  it('follows a clock that is set back, and stays with it when that is undone', () => {
    const ages = new AgeClock(clock)
    step(-DAY_MS)
    expect(ages.now()).to.equal(start - DAY_MS)
    step(DAY_MS)
    expect(ages.now()).to.equal(start - DAY_MS)
    expect(ages.aheadMs()).to.equal(DAY_MS)
  })

  it('knows of a clock that was set back just for a stamp', () => {
    const ages = new AgeClock(clock)
    step(-DAY_MS)
    const stamp = clock.now()
    ages.stamped(stamp)
    step(DAY_MS)
    expect(ages.now()).to.equal(stamp)
    clock.pass(5)
    expect(ages.now()).to.equal(stamp + 5)
  })

  it('is right again after one right moment, for a clock that was ahead when it was made', () => {
    step(YEAR_MS)
    const ages = new AgeClock(clock)
    step(-YEAR_MS)
    expect(ages.now()).to.equal(start)
    step(YEAR_MS)
    expect(ages.now()).to.equal(start)
  })

  it('is never ahead of the wall clock where running time comes in pieces', () => {
    for (const pieceMs of [10, 1000]) {
      let passed = 0
      const coarse: Clock = {
        now: () => start + passed,
        running: () => Math.floor(passed / pieceMs) * pieceMs,
        after: () => () => {},
      }
      const ages = new AgeClock(coarse)
      for (; passed < 5000; passed += 7) {
        expect(ages.now()).to.be.within(start + passed - pieceMs, start + passed)
        expect(ages.aheadMs()).to.be.below(pieceMs)
      }
    }
  })

  it('never makes a backup older than the time that has passed since it was closed', () => {
    const steps = fc.array(
      fc.record({
        set: fc.option(fc.integer({ min: -3 * YEAR_MS, max: 3 * YEAR_MS })),
        passes: fc.nat(10 * DAY_MS),
        what: fc.constantFrom('stamp', 'look', 'nothing'),
      }),
    )
    fc.assert(
      fc.property(steps, all => {
        const manual = new ManualClock()
        const ages = new AgeClock(manual)
        const stamps: { at: number; stamp: number }[] = []
        for (const { set, passes, what } of all) {
          if (set !== null) manual.set(manual.now() + set)
          manual.pass(passes)
          if (what === 'stamp') {
            const stamp = Math.max(manual.now(), (stamps.at(-1)?.stamp ?? -Infinity) + 1)
            ages.stamped(stamp)
            stamps.push({ at: manual.running(), stamp })
          }
          if (what === 'look') ages.now()
        }
        for (const { at, stamp } of stamps) {
          expect(ages.now() - stamp).to.be.at.most(manual.running() - at)
        }
      }),
    )
  })
})
