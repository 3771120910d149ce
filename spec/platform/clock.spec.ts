import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { atTime, systemClock } from '../../lib/platform/clock.js'
import { ManualClock } from '../support/manual-clock.js'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

describe('systemClock', () => {
  it('tells the wall clock of the machine', () => {
    const before = Date.now()
    const now = systemClock.now()
    expect(now).to.be.within(before, Date.now())
  })

  it('tells a running time that goes on by itself, in whole milliseconds', async () => {
    const before = systemClock.running()
    expect(Number.isInteger(before)).to.equal(true)
    await new Promise(resolve => setTimeout(resolve, 40))
    const passed = systemClock.running() - before
    expect(passed).to.be.at.least(process.platform === 'linux' ? 20 : 0)
    expect(systemClock.running() - before).to.be.at.least(passed)
  })

  it('calls back once', async () => {
    let calls = 0
    await new Promise<void>(resolve => {
      systemClock.after(1, () => {
        calls++
        setTimeout(resolve, 5)
      })
    })
    expect(calls).to.equal(1)
  })

  it('does not call back when it is cancelled; cancelling again, and late, is harmless', async () => {
    let fired = ''
    const cancel = systemClock.after(1, () => (fired += 'cancelled'))
    cancel()
    cancel()
    await new Promise<void>(resolve => {
      const late = systemClock.after(5, () => {
        fired += 'late'
        resolve()
        late()
      })
    })
    expect(fired).to.equal('late')
  })

  it('does not keep a process alive', () => {
    const clock = new URL('../../lib/platform/clock.ts', import.meta.url).href
    const program = `import { systemClock } from '${clock}'
      systemClock.after(3_600_000, () => {})
      process.on('exit', () => console.log('over'))`
    const run = ['--import', 'tsx', '--input-type=module', '-e', program]
    expect(execFileSync(process.execPath, run, { encoding: 'utf8', timeout: 15_000 })).to.equal(
      'over\n',
    )
  })
})

describe('atTime', () => {
  let clock: ManualClock
  let calls: number
  const count = (): void => void calls++
  beforeEach(() => {
    clock = new ManualClock()
    calls = 0
  })

  it('calls back once, when the clock shows the time', () => {
    atTime(clock, clock.now() + 1000, count)
    clock.pass(999)
    expect(calls).to.equal(0)
    clock.pass(1)
    expect(calls).to.equal(1)
    clock.pass(DAY_MS)
    expect(calls).to.equal(1)
  })

  it('calls back for a time that is past, but not before it returns', () => {
    for (const time of [clock.now(), clock.now() - 1, 0]) {
      calls = 0
      atTime(clock, time, count)
      expect(calls).to.equal(0)
      clock.pass(0)
      expect(calls).to.equal(1)
    }
  })

  it('waits for 30 days, and for years, as it does for a minute', () => {
    for (const days of [30, 400]) {
      calls = 0
      atTime(clock, clock.now() + days * DAY_MS, count)
      clock.pass(days * DAY_MS - 1)
      expect(calls).to.equal(0)
      clock.pass(1)
      expect(calls).to.equal(1)
    }
  })

  it('never asks for a wait that a timer of 32 bits cannot do', () => {
    const waits: number[] = []
    const cancel = atTime(
      {
        now: () => 0,
        running: () => 0,
        after(waitMs) {
          waits.push(waitMs)
          return () => {}
        },
      },
      400 * DAY_MS,
      count,
    )
    cancel()
    expect(waits[0]).to.be.within(1, 2 ** 31 - 1)
  })

  it('notices within a minute that the clock was set forward', () => {
    atTime(clock, clock.now() + DAY_MS, count)
    clock.set(clock.now() + 2 * DAY_MS)
    expect(calls).to.equal(0)
    clock.pass(MINUTE_MS)
    expect(calls).to.equal(1)
  })

  it('goes on waiting when the clock was set back', () => {
    atTime(clock, clock.now() + MINUTE_MS, count)
    clock.set(clock.now() - DAY_MS)
    clock.pass(DAY_MS)
    expect(calls).to.equal(0)
    clock.pass(MINUTE_MS)
    expect(calls).to.equal(1)
  })

  it('waits for a time between two milliseconds without going round in a circle', () => {
    atTime(clock, clock.now() + 0.5, count)
    clock.pass(0)
    expect(calls).to.equal(0)
    clock.pass(1)
    expect(calls).to.equal(1)
  })

  it('does not call back when it is cancelled, at whichever of its waits', () => {
    for (const passed of [0, 1, MINUTE_MS, 30 * MINUTE_MS]) {
      const cancel = atTime(clock, clock.now() + DAY_MS, count)
      clock.pass(passed)
      cancel()
      cancel()
      expect(clock.waiting).to.equal(0)
    }
    clock.pass(2 * DAY_MS)
    expect(calls).to.equal(0)
  })
})
