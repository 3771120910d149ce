import { expect } from 'chai'
import { NanoClock } from '../../lib/platform/nano-clock.js'
import type { Instant } from '../../lib/platform/nano-clock.js'

/** Tells the times it is given, one after the other, as wall-clock and running milliseconds. */
function clockOf(
  ...readings: readonly (readonly [wallMs: number, elapsedMs: number])[]
): NanoClock {
  let index = -1
  return new NanoClock({
    elapsedMs: () => readings[++index]![1],
    wallMs: () => readings[index]![0],
  })
}

function nanosOf({ seconds, nanos }: Instant): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
}

describe('NanoClock', () => {
  it('tells the milliseconds of the wall clock, split at the second', () => {
    expect(clockOf([1_473_253_437_400, 5]).now()).to.deep.equal({
      seconds: 1_473_253_437,
      nanos: 400_000_000,
    })
    expect(clockOf([-1, 5]).now()).to.deep.equal({ seconds: -1, nanos: 999_000_000 })
  })

  it('counts what is below a millisecond by the running time', () => {
    const clock = clockOf([7000, 100], [7000, 100.25], [7000, 100.250001])
    expect(clock.now().nanos).to.equal(0)
    expect(clock.now().nanos).to.equal(250_000)
    expect(clock.now().nanos).to.be.within(250_000, 250_001)
  })

  it('keeps the digits below a millisecond when every reading falls into another one', () => {
    const clock = clockOf([7000, 100], [7003, 103.5], [8003, 1103.75])
    clock.now()
    expect(clock.now()).to.deep.equal({ seconds: 7, nanos: 3_500_000 })
    expect(clock.now()).to.deep.equal({ seconds: 8, nanos: 3_750_000 })
  })

  it('never leaves the millisecond that the wall clock shows', () => {
    const clock = clockOf([7000, 100], [7000, 105], [7001, 105.5], [7002, 105.6])
    clock.now()
    expect(clock.now().nanos).to.equal(999_999)
    expect(clock.now().nanos).to.equal(1_499_999)
    expect(clock.now().nanos).to.equal(2_000_000)
  })

  it('stands still while the wall clock is behind, and goes on when it has caught up', () => {
    const clock = clockOf([7000, 100], [7000, 100.5], [3000, 100.7], [6999, 4100.2], [7000, 4101.9])
    clock.now()
    const before = clock.now()
    expect(clock.now()).to.deep.equal(before)
    expect(clock.now()).to.deep.equal(before)
    expect(nanosOf(clock.now()) >= nanosOf(before)).to.equal(true)
  })

  it('stands still when the wall clock comes back to a millisecond, earlier in it', () => {
    const clock = clockOf([7000, 100], [7000, 100.5], [3000, 100.7], [7000, 4100])
    clock.now()
    const before = clock.now()
    clock.now()
    expect(clock.now()).to.deep.equal(before)
  })

  it('follows the wall clock forward at once', () => {
    const clock = clockOf([7000, 100], [9000, 100.1])
    clock.now()
    expect(clock.now()).to.deep.equal({ seconds: 9, nanos: 0 })
  })

  it('reads the wall clock once in 50 µs, and when its millisecond is over', () => {
    const clock = clockOf([7000, 100], [9000, 100.04], [7000, 100.98], [7001, 101.001])
    clock.now()
    expect(clock.now()).to.deep.equal({ seconds: 7, nanos: 40_000 })
    expect(clock.now()).to.deep.equal({ seconds: 7, nanos: 980_000 })
    expect(clock.now().nanos).to.be.within(1_000_000, 1_001_000)
  })

  it('tells an Instant that later readings do not change', () => {
    const clock = clockOf([7000, 100], [8000, 1100])
    const first = clock.now()
    clock.now()
    expect(first).to.deep.equal({ seconds: 7, nanos: 0 })
  })

  it('agrees with the machine and never goes backwards over many readings', () => {
    const clock = new NanoClock()
    let last = nanosOf(clock.now())
    for (let count = 0; count < 100_000; count++) {
      const { seconds, nanos } = clock.now()
      expect(nanos >= 0 && nanos <= 999_999_999 && Number.isInteger(nanos)).to.equal(true)
      const now = nanosOf({ seconds, nanos })
      if (now < last) expect.fail(`${now} came after ${last}`)
      last = now
    }
    expect(Math.abs(Number(last / 1_000_000n) - Date.now())).to.be.below(1000)
  })
})
