import { expect } from 'chai'
import fs from 'fs-extra'
import { LockFile, lockPath } from '../../lib/platform/lock-file.js'
import { lockingBy, LOCK_WAYS, missingWay } from '../support/lock-ways.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('lockPath', () => {
  it('is a hidden name beside the log', () => {
    expect(lockPath('/logs/audit.log')).to.equal('/logs/.audit.log.lock')
  })
})

// What openers see of it, and races of processes, are in lock.spec.ts.
describe('LockFile', () => {
  const at = temporaryDirectory()

  for (const way of LOCK_WAYS) {
    describe(`by ${way}`, () => {
      before(function () {
        const missing = missingWay(way)
        if (missing === undefined) return
        console.log(`      skipped: ${missing}`)
        this.skip()
      })

      const open = (): LockFile => {
        const platform = { disk: lockingBy(way), clock: new ManualClock() }
        return new LockFile(platform, at('audit.log'), { mode: 0o600 }, error => {
          throw error
        })
      }

      it('is taken, is held as long as its file is there, and is given back without a trace', () => {
        const file = open()
        const held = file.take()
        expect(held.path).to.equal(at('.audit.log.lock'))
        expect(file.isHeld(held)).to.equal(true)
        expect(() => open().take()).to.throw(/another appender of this process/)
        file.drop(held)
        expect(fs.readdirSync(at())).to.deep.equal([])
        expect(() => fs.fstatSync(held.fd)).to.throw('EBADF')
      })

      it('leaves the file of another one, which took its place', () => {
        const file = open()
        const held = file.take()
        fs.unlinkSync(at('.audit.log.lock'))
        const other = open().take()
        expect(file.isHeld(held)).to.equal(false)
        file.drop(held)
        expect(fs.readdirSync(at())).to.deep.equal(['.audit.log.lock'])
        open().drop(other)
        expect(fs.readdirSync(at())).to.deep.equal([])
      })
    })
  }
})
