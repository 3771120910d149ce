import { expect } from 'chai'
import fs from 'fs-extra'
import { IdleFollow } from '../../lib/appender/idle-follow.js'
import { systemDisk, type FileStatus } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import type { WatchListener } from '../../lib/platform/watch.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('IdleFollow', () => {
  const at = temporaryDirectory()
  let clock: ManualClock
  let disk: FaultyDisk
  let looks: number
  let warnings: RollkeeperError[]
  /** The watches that are under way. */
  let watches: Set<WatchListener>
  let begun: number
  let file: { path: string; status: FileStatus }
  let idle: IdleFollow
  /** Ours, so that no other file can get its inode. */
  let fd: number

  beforeEach(() => {
    clock = new ManualClock()
    disk = new FaultyDisk()
    looks = 0
    warnings = []
    watches = new Set()
    begun = 0
    fd = fs.openSync(at('audit.log'), 'a')
    file = { path: at('audit.log'), status: statusOf(at('audit.log')) }
    const followed = {
      get file() {
        return file
      },
      follow: () => void looks++,
    }
    const watch = (path: string, listener: WatchListener): (() => void) => {
      expect(path).to.equal(at('audit.log'))
      watches.add(listener)
      begun++
      return () => watches.delete(listener)
    }
    const warn = (error: RollkeeperError): void => void warnings.push(error)
    idle = new IdleFollow({ disk: disk.disk, clock }, watch, followed, warn)
  })

  afterEach(() => fs.closeSync(fd))

  /** The one watch, which ends as it tells something. */
  function theWatch(): WatchListener {
    expect(watches.size).to.equal(1)
    const [listener] = watches
    if (!listener) throw new Error('nothing is watched')
    return listener
  }

  function happen(): void {
    const watch = theWatch()
    watches.delete(watch)
    watch.happened()
  }

  function fail(code: string): void {
    const watch = theWatch()
    watches.delete(watch)
    watch.failed(Object.assign(new Error('refused'), { code }))
  }

  it('watches a log that nobody writes after a second, not before', () => {
    clock.pass(999)
    expect({ begun, looks }).to.deep.equal({ begun: 0, looks: 0 })
    clock.pass(1)
    expect({ begun, looks }).to.deep.equal({ begun: 1, looks: 1 })
  })

  it('watches nothing while something is written at least once a second', () => {
    for (let i = 0; i < 20; i++) {
      idle.written()
      clock.pass(700)
    }
    expect(begun).to.equal(0)
    clock.pass(1300)
    expect(begun).to.equal(1)
  })

  it('has no more than one timer, however much is written', () => {
    for (let i = 0; i < 1000; i++) idle.written()
    expect(clock.waiting).to.equal(1)
    clock.pass(5000)
    idle.written()
    expect(clock.waiting).to.equal(1)
  })

  it('ends the watch at the next write', () => {
    clock.pass(1000)
    idle.written()
    expect(watches.size).to.equal(0)
    clock.pass(1999)
    expect(begun).to.equal(1)
    clock.pass(1)
    expect(begun).to.equal(2)
  })

  it('looks again once the watch sees: something may have happened before', () => {
    clock.pass(1000)
    theWatch().begun()
    expect(looks).to.equal(2)
    expect(watches.size).to.equal(1)
  })

  it('watches the new file when the look at the beginning has opened it', () => {
    clock.pass(1000)
    const first = theWatch()
    fs.renameSync(at('audit.log'), at('audit.log.1'))
    fs.writeFileSync(at('audit.log'), '')
    first.begun() // this look finds another file
    expect(watches.size).to.equal(0)
    file = { path: at('audit.log'), status: statusOf(at('audit.log')) }
    clock.pass(1000)
    expect(theWatch()).not.to.equal(first)
  })

  it('leaves those who are at work a moment before it looks', () => {
    clock.pass(1000)
    happen()
    expect(looks).to.equal(1)
    clock.pass(99)
    expect(looks).to.equal(1)
    clock.pass(1)
    expect(looks).to.equal(2)
  })

  it('rests for a second after each look, so no storm of events costs more', () => {
    clock.pass(1000)
    for (let i = 0; i < 10; i++) {
      happen()
      clock.pass(1100)
    }
    expect({ begun, looks }).to.deep.equal({ begun: 11, looks: 21 })
  })

  it('renews the watch every ten seconds, with a look for what no watch tells', () => {
    clock.pass(1000)
    const first = theWatch()
    clock.pass(9999)
    expect(theWatch()).to.equal(first)
    clock.pass(1)
    expect(theWatch()).not.to.equal(first)
    expect({ begun, looks }).to.deep.equal({ begun: 2, looks: 2 })
  })

  it('watches nothing but our own file: it looks once a second until that is there', () => {
    fs.unlinkSync(at('audit.log'))
    fs.mkdirSync(at('audit.log'))
    clock.pass(3000)
    expect({ begun, looks }).to.deep.equal({ begun: 0, looks: 3 })
    fs.rmdirSync(at('audit.log'))
    clock.pass(1000)
    fs.writeFileSync(at('audit.log'), '')
    file = { path: at('audit.log'), status: statusOf(at('audit.log')) }
    clock.pass(1000)
    expect(begun).to.equal(1)
  })

  it('survives a path that cannot be looked at', () => {
    disk.fail('lstat', 'EACCES')
    clock.pass(2000)
    expect({ begun, looks }).to.deep.equal({ begun: 0, looks: 2 })
  })

  it('looks once a second where nothing can be watched, and warns once', () => {
    clock.pass(1000)
    fail('ENOSPC')
    clock.pass(5000)
    expect({ begun, looks }).to.deep.equal({ begun: 1, looks: 6 })
    expect(warnings.map(({ code, path }) => ({ code, path }))).to.deep.equal([
      { code: 'ERR_ROLLKEEPER_OPEN', path: at('audit.log') },
    ])
    expect(warnings[0]?.message).to.equal(
      `cannot watch ${at('audit.log')} while nothing is written (ENOSPC); ` +
        'it is looked at once a second instead, and before each batch as always',
    )
    idle.written()
    clock.pass(2000)
    expect(begun, 'the next time it tries again').to.equal(2)
    fail('ENOSPC')
    expect(warnings).to.have.length(1)
  })

  it('does nothing after it was stopped', () => {
    clock.pass(1000)
    idle.stop()
    idle.written()
    clock.pass(60_000)
    expect({ begun, looks, watches: watches.size }).to.deep.equal({
      begun: 1,
      looks: 1,
      watches: 0,
    })
    expect(clock.waiting).to.equal(0)
  })
})

function statusOf(path: string): FileStatus {
  const status = systemDisk.lstat(path)
  if (!status) throw new Error(`${path} is not there`)
  return status
}
