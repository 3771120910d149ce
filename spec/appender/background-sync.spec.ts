import { expect } from 'chai'
import { BackgroundSync } from '../../lib/appender/background-sync.js'
import { Deferred } from '../../lib/appender/deferred.js'
import { ManualClock } from '../support/manual-clock.js'

/** A commit whose rounds end when a test says so. */
class SlowCommit {
  isBehind = false
  rounds = 0
  #round = new Deferred()

  commitBehind(): Promise<void> {
    this.rounds++
    return this.#round.promise
  }

  /** Ends the rounds that were asked for. */
  async end({ isBehind = false } = {}): Promise<void> {
    this.isBehind = isBehind
    this.#round.resolve()
    this.#round = new Deferred()
    await new Promise(setImmediate)
  }
}

describe('BackgroundSync', () => {
  let clock: ManualClock
  let commit: SlowCommit
  let sync: BackgroundSync

  /** What a write does. */
  function write(): void {
    commit.isBehind = true
    sync.written()
  }

  beforeEach(() => {
    clock = new ManualClock()
    commit = new SlowCommit()
    sync = new BackgroundSync(clock, 1000, commit)
  })

  it('syncs one interval after the first write, however many follow', () => {
    write()
    for (let i = 0; i < 9; i++) {
      clock.pass(100)
      write()
    }
    expect(clock.waiting).to.equal(1)
    clock.pass(99)
    expect(commit.rounds).to.equal(0)
    clock.pass(1)
    expect(commit.rounds).to.equal(1)
  })

  it('has no timer before the first write, nor after the sync', async () => {
    expect(clock.waiting).to.equal(0)
    write()
    clock.pass(1000)
    await commit.end()
    clock.pass(100_000)
    expect(clock.waiting).to.equal(0)
    expect(commit.rounds).to.equal(1)
  })

  it('syncs nothing that another sync has covered meanwhile', () => {
    write()
    commit.isBehind = false
    clock.pass(1000)
    expect(commit.rounds).to.equal(0)
    expect(clock.waiting).to.equal(0)
  })

  it('syncs what came while a sync was under way, one interval after it came', async () => {
    write()
    clock.pass(1000)
    write()
    await commit.end({ isBehind: true })
    clock.pass(999)
    expect(commit.rounds).to.equal(1)
    clock.pass(1)
    expect(commit.rounds).to.equal(2)
  })

  it('tries again an interval later when something is still unsynced after a sync', async () => {
    write()
    clock.pass(1000)
    await commit.end({ isBehind: true })
    expect(clock.waiting).to.equal(1)
    clock.pass(1000)
    expect(commit.rounds).to.equal(2)
  })

  it('never has more than one timer, however slow the disk is', () => {
    for (let i = 0; i < 100; i++) {
      write()
      clock.pass(500)
      expect(clock.waiting).to.be.at.most(1)
    }
  })

  it('stops for good, and says whether something is left to sync', async () => {
    write()
    clock.pass(1000)
    write()
    expect(sync.stop()).to.equal(true)
    await commit.end({ isBehind: true })
    sync.written()
    clock.pass(100_000)
    expect(commit.rounds).to.equal(1)
    expect(clock.waiting).to.equal(0)
    await commit.end()
    expect(sync.stop()).to.equal(false)
  })

  it('waits no longer than setTimeout can, which would else fire at once', () => {
    const waits: number[] = []
    const after = (waitMs: number) => {
      waits.push(waitMs)
      return () => undefined
    }
    new BackgroundSync({ now: () => 0, running: () => 0, after }, 1e12, commit).written()
    expect(waits).to.deep.equal([2 ** 31 - 1])
  })

  it('lets the process end', () => {
    const keeps: unknown[] = []
    const after = (...args: unknown[]) => {
      keeps.push(args[2])
      return () => undefined
    }
    new BackgroundSync({ now: () => 0, running: () => 0, after }, 1000, commit).written()
    expect(keeps).to.deep.equal([undefined])
  })
})
