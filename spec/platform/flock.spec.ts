import { constants } from 'node:os'
import { expect } from 'chai'
import fs from 'fs-extra'
import { byCommand, byKoffi, Flock, type FlockWay } from '../../lib/platform/flock.js'
import { missingWay } from '../support/lock-ways.js'
import { systemError } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('byKoffi and byCommand', () => {
  const at = temporaryDirectory()
  let fds: number[]

  const open = (name = 'lock'): number => {
    const fd = fs.openSync(at(name), 'a+')
    fds.push(fd)
    return fd
  }

  beforeEach(() => {
    fds = []
  })

  afterEach(() => {
    for (const fd of fds) fs.closeSync(fd)
  })

  const ways: [string, 'koffi' | 'command', () => FlockWay][] = [
    ['byKoffi', 'koffi', byKoffi],
    ['byCommand', 'command', byCommand],
  ]
  for (const [name, needed, make] of ways) {
    describe(name, () => {
      before(function () {
        const missing = missingWay(needed)
        if (missing === undefined) return
        console.log(`      skipped: ${missing}`)
        this.skip()
      })

      it('locks a file for one descriptor, and again for the same', () => {
        const way = make()
        const fd = open()
        expect(way(fd)).to.equal('ours')
        expect(way(fd)).to.equal('ours')
        expect(way(open())).to.equal('taken')
        expect(way(open('other'))).to.equal('ours')
      })

      it('frees it when the file is closed', () => {
        const way = make()
        const fd = fs.openSync(at('lock'), 'a+')
        expect(way(fd)).to.equal('ours')
        fs.closeSync(fd)
        expect(way(open())).to.equal('ours')
      })

      it('respects the lock that the other way took', () => {
        expect(make()(open())).to.equal('ours')
        for (const [, , other] of ways) expect(other()(open())).to.not.equal('ours')
      })
    })
  }

  describe('byKoffi', () => {
    /** A koffi whose call fails in this way. */
    const failing = (code: 'EWOULDBLOCK' | 'ENOLCK') => () => ({
      load: () => ({ func: () => () => -1 }),
      errno: () => constants.errno[code],
    })

    it('is not there without koffi, or with one that cannot do it', () => {
      expect(byKoffi(() => undefined)(0)).to.equal(undefined)
      const strange = { load: () => refuse('no such symbol'), errno: () => 0 }
      expect(byKoffi(() => strange)(0)).to.equal(undefined)
    })

    it('asks for koffi once, before any log is opened', () => {
      let asked = 0
      const way = byKoffi(() => void asked++)
      expect(asked).to.equal(1)
      way(0)
      way(0)
      expect(asked).to.equal(1)
    })

    it('tells a taken lock from a file system without locks', () => {
      expect(byKoffi(failing('EWOULDBLOCK'))(0)).to.equal('taken')
      expect(byKoffi(failing('ENOLCK'))(0)).to.equal('unable')
    })
  })

  describe('byCommand', () => {
    /** A command that ends like this. */
    const ending = (status: number | null, says = '') =>
      byCommand(() => ({ status, stderr: Buffer.from(says) }))(0)

    it('reads how the command ended', () => {
      expect(ending(0)).to.equal('ours')
      expect(ending(1)).to.equal('taken')
      expect(ending(1, 'flock: No locks available')).to.equal('unable')
      expect(ending(71)).to.equal('unable')
    })

    it('is not there without the command, or where nothing may be started', () => {
      expect(ending(null)).to.equal(undefined)
      expect(byCommand(() => refuse('not permitted'))(0)).to.equal(undefined)
    })
  })
})

describe('Flock', () => {
  const never: FlockWay = () => refuse('asked all the same')

  it('asks the ways in their order, until one is there', () => {
    const lock = (...ways: FlockWay[]) => new Flock(ways, 'linux').lock(0)
    expect(
      lock(
        () => undefined,
        () => 'ours',
        never,
      ),
    ).to.equal('ours')
    expect(lock(() => 'taken', never)).to.equal('taken')
    expect(lock(() => 'unable', never)).to.equal('unable')
    expect(lock(() => undefined)).to.equal('unable')
    expect(lock()).to.equal('unable')
  })

  it('opens without any ado where open cannot lock', () => {
    const flock = new Flock([() => 'taken'], 'linux')
    expect(flock.open(flags => 7 + flags)).to.equal(7)
    expect(flock.lock(7)).to.equal('taken')
    expect(() => flock.open(() => refuse('EAGAIN'))).to.throw('EAGAIN')
  })

  describe('where open can lock', () => {
    /** Opens as macOS does: with the flag it may be refused, without it never. */
    const opening = (code?: string) => (flags: number) => {
      if (flags !== 0) expect(flags).to.equal(0x20)
      if (flags !== 0 && code !== undefined) throw systemError(code)
      return 7
    }

    it('knows from opening whose the lock is', () => {
      const flock = new Flock([never], 'darwin')
      expect(flock.open(opening())).to.equal(7)
      expect(flock.lock(7)).to.equal('ours')
      expect(flock.open(opening('EAGAIN'))).to.equal(7)
      expect(flock.lock(7)).to.equal('taken')
      expect(flock.open(opening('ENOTSUP'))).to.equal(7)
      expect(flock.lock(7)).to.equal('unable')
    })

    it('forgets what it knew of a descriptor that has come to another file', () => {
      const flock = new Flock([() => 'taken'], 'darwin')
      flock.open(opening())
      flock.open(opening('EAGAIN'))
      expect(flock.lock(7)).to.equal('taken')
      expect(flock.lock(7)).to.equal('taken')
    })

    it('passes on every other refusal', () => {
      const flock = new Flock([never], 'darwin')
      expect(() => flock.open(opening('EACCES'))).to.throw('EACCES')
    })
  })
})

function refuse(message: string): never {
  throw new Error(message)
}
