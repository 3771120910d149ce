import { expect } from 'chai'
import fs from 'fs-extra'
import type { BackupFile } from '../../lib/backup/backup.js'
import { holdPaths, isHeld, readHold, removeHolds, writeHold } from '../../lib/backup/hold.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import { FaultyDisk, type DiskCall } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NAME = 'audit-2016-09-07T13-03-57.400.log'

describe('hold', () => {
  const at = temporaryDirectory()
  const plain = (): BackupFile => ({ path: at(NAME), archived: false })
  const archive = (): BackupFile => ({ path: at(`${NAME}.gz`), archived: true })
  const hold = (why: string, disk: Disk = systemDisk, file = plain()): Promise<void> => {
    const status = systemDisk.lstat(file.path) ?? expect.fail('the test has made no backup')
    return writeHold(disk, at('audit.log'), { ...file, status }, why)
  }
  const textOf = (name: string): string => fs.readFileSync(at(name), 'utf8')
  const names = (): string[] => fs.readdirSync(at()).sort()

  describe('holdPaths', () => {
    it('is beside the backup, and beside its archive, whichever of them it is', () => {
      const paths = [at(`${NAME}.hold`), at(`${NAME}.gz.hold`)]
      expect(holdPaths(plain())).to.deep.equal(paths)
      expect(holdPaths(archive())).to.deep.equal(paths)
    })

    it('does not take a backup of audit.gz for an archive', () => {
      const path = at('audit-2016-09-07T13-03-57.400.gz')
      const paths = [`${path}.hold`, `${path}.gz.hold`]
      expect(holdPaths({ path, archived: false })).to.deep.equal(paths)
      expect(holdPaths({ path: `${path}.gz`, archived: true })).to.deep.equal(paths)
    })
  })

  describe('isHeld', () => {
    const kinds: [string, (path: string) => void][] = [
      ['a file', path => fs.writeFileSync(path, '')],
      ['a directory', path => fs.mkdirSync(path)],
      ['a link to nowhere', path => fs.symlinkSync('nowhere', path)],
    ]
    for (const [what, make] of kinds) {
      for (const name of [`${NAME}.hold`, `${NAME}.gz.hold`]) {
        it(`is true where ${what} is called ${name.slice(NAME.length)}`, () => {
          make(at(name))
          expect(isHeld(systemDisk, plain())).to.equal(true)
          expect(isHeld(systemDisk, archive())).to.equal(true)
        })
      }
    }

    it('is false where there is none, or one of another backup', () => {
      fs.writeFileSync(at('audit-2016-09-07T13-03-57.401.log.hold'), '')
      fs.writeFileSync(at('audit.log.hold'), '')
      expect(isHeld(systemDisk, plain())).to.equal(false)
      expect(isHeld(systemDisk, archive())).to.equal(false)
    })

    it('fails where the system does not tell: nobody may take it for free', () => {
      const faulty = new FaultyDisk()
      faulty.fail('lstat', 'EIO')
      expect(() => isHeld(faulty.disk, plain())).to.throw('EIO')
    })
  })

  describe('readHold', () => {
    it('reads no more of a reason than anybody wants to read', () => {
      fs.writeFileSync(at('hold'), 'x'.repeat(5000))
      expect(readHold(systemDisk, at('hold'))).to.equal('x'.repeat(4096))
    })

    it('says why it cannot be read, and leaves no descriptor open', () => {
      fs.writeFileSync(at('hold'), 'why\n')
      const faulty = new FaultyDisk()
      faulty.fail('read', 'EIO')
      expect(readHold(faulty.disk, at('hold'))).to.equal('the reason cannot be read (EIO)')
      expect(faulty.calls).to.deep.equal(['openToRead', 'read', 'close'])
      expect(readHold(systemDisk, at('nowhere'))).to.equal('the reason cannot be read (ENOENT)')
    })
  })

  describe('writeHold', () => {
    beforeEach(() => fs.writeFileSync(at(NAME), 'one\n', { mode: 0o640 }))

    it('makes a file that says why, with the mode of the backup', async () => {
      await hold('a lawsuit')
      expect(names()).to.deep.equal([NAME, `${NAME}.hold`])
      expect(textOf(`${NAME}.hold`)).to.equal('a lawsuit\n')
      expect(readHold(systemDisk, at(`${NAME}.hold`))).to.equal('a lawsuit')
      expect(fs.statSync(at(`${NAME}.hold`)).mode & 0o7777).to.equal(0o640)
    })

    it('names what is in the way, and leaves that alone', async () => {
      fs.outputFileSync(at('.audit.log.hold', 'inside'), 'kept\n')
      const error: unknown = await hold('a lawsuit').catch((cause: unknown) => cause)
      expect(String(error)).to.include(`${at('.audit.log.hold')} is in the way`)
      expect(names()).to.deep.equal(['.audit.log.hold', NAME].sort())
      expect(textOf('.audit.log.hold/inside')).to.equal('kept\n')
    })

    it('gives it the owner of the backup', async function () {
      if (process.getuid?.() !== 0) {
        console.log('skipped: only root can give files away')
        this.skip()
      }
      fs.chownSync(at(NAME), 4711, 4712)
      await hold('a lawsuit')
      expect(fs.statSync(at(`${NAME}.hold`))).to.include({ uid: 4711, gid: 4712 })
    })

    it('has all of it on stable storage before it has its name, and its name before it says so', async () => {
      const faulty = new FaultyDisk()
      await hold('a lawsuit', faulty.disk)
      const change = new Set<DiskCall>(['create', 'write', 'datasync', 'rename', 'syncDirectory'])
      expect(faulty.calls.filter(call => change.has(call))).to.deep.equal([...change])
      expect(faulty.calls).to.include('close')
    })

    it('replaces the reason of one that is there', async () => {
      await hold('one')
      await hold('two')
      expect(textOf(`${NAME}.hold`)).to.equal('two\n')
      expect(names()).to.deep.equal([NAME, `${NAME}.hold`])
    })

    it('replaces one that the backup has under its other name, at no moment leaving none', async () => {
      fs.writeFileSync(at(`${NAME}.gz`), '')
      fs.writeFileSync(at(`${NAME}.hold`), 'before it was an archive\n')
      const faulty = new FaultyDisk()
      let synced = 0
      faulty.before('unlink', () => {
        expect(textOf(`${NAME}.gz.hold`)).to.equal('now\n')
        expect(synced).to.equal(1)
      })
      faulty.after('syncDirectory', () => synced++)
      await hold('now', faulty.disk, archive())
      expect(names()).to.deep.equal([NAME, `${NAME}.gz`, `${NAME}.gz.hold`])
      expect(synced).to.equal(2)
    })

    it('is not stopped by what a crash left of an earlier one', async () => {
      fs.writeFileSync(at('.audit.log.hold'), 'hal')
      await hold('whole')
      expect(names()).to.deep.equal([NAME, `${NAME}.hold`])
      expect(textOf(`${NAME}.hold`)).to.equal('whole\n')
    })

    it('does not take for its own what another process makes at the same time', async () => {
      const faulty = new FaultyDisk()
      faulty.after('datasync', () => {
        fs.removeSync(at('.audit.log.hold'))
        fs.writeFileSync(at('.audit.log.hold'), 'thei')
      })
      expect(await hold('ours', faulty.disk).catch(String)).to.include('another process')
      expect(names()).to.deep.equal(['.audit.log.hold', NAME])
      expect(textOf('.audit.log.hold')).to.equal('thei')
    })

    it('goes on after a short write', async () => {
      const disk: Disk = {
        ...systemDisk,
        write: (fd, bytes, offset, length) =>
          systemDisk.write(fd, bytes, offset, Math.min(length, 3)),
      }
      await hold('äöü, longer than three bytes', disk)
      expect(textOf(`${NAME}.hold`)).to.equal('äöü, longer than three bytes\n')
    })

    for (const call of ['create', 'write', 'datasync', 'rename'] as const) {
      for (const old of [undefined, 'the old one\n']) {
        const what = old === undefined ? 'none' : 'the old one'
        it(`leaves ${what} where ${call} fails, and nothing else`, async () => {
          if (old !== undefined) fs.writeFileSync(at(`${NAME}.hold`), old)
          const before = names()
          const faulty = new FaultyDisk()
          faulty.fail(call, 'ENOSPC')
          expect(await hold('new', faulty.disk).catch(systemCode)).to.equal('ENOSPC')
          expect(names()).to.deep.equal(before)
          if (old !== undefined) expect(textOf(`${NAME}.hold`)).to.equal(old)
          const opened = faulty.calls.filter(made => made === 'create').length
          const closed = faulty.calls.filter(made => made === 'close').length
          expect(closed).to.equal(call === 'create' ? 0 : opened)
        })
      }
    }

    it('leaves no descriptor open where the system does not tell of its file', async () => {
      fs.writeFileSync(at(NAME), '')
      const faulty = new FaultyDisk()
      faulty.fail('fstat', 'EIO')
      expect(await hold('x', faulty.disk).catch(systemCode)).to.equal('EIO')
      expect(faulty.calls.at(-1)).to.equal('close')
    })

    it('fails where a write takes nothing, instead of trying for ever', async () => {
      const error = await hold('why', { ...systemDisk, write: () => 0 }).catch(String)
      expect(error).to.include('took nothing')
      expect(names()).to.deep.equal([NAME])
    })

    for (const call of ['datasync', 'rename', 'syncDirectory'] as const) {
      it(`says so where ${call} took effect but reports a failure, and leaves it whole or none`, async () => {
        const faulty = new FaultyDisk()
        faulty.failAfter(call, 'EIO')
        expect(await hold('why', faulty.disk).catch(systemCode)).to.equal('EIO')
        expect(names()).to.deep.equal(call === 'datasync' ? [NAME] : [NAME, `${NAME}.hold`])
        if (call !== 'datasync') expect(textOf(`${NAME}.hold`)).to.equal('why\n')
      })
    }
  })

  describe('removeHolds', () => {
    it('removes both that there may be, and tells that there was one, on stable storage', async () => {
      for (const found of [
        [`${NAME}.hold`],
        [`${NAME}.gz.hold`],
        [`${NAME}.hold`, `${NAME}.gz.hold`],
      ]) {
        for (const file of [plain(), archive()]) {
          for (const name of found) fs.writeFileSync(at(name), '')
          const faulty = new FaultyDisk()
          expect(await removeHolds(faulty.disk, file)).to.equal(true)
          expect(names()).to.deep.equal([])
          expect(faulty.calls.at(-1)).to.equal('syncDirectory')
        }
      }
    })

    it('removes what a link is called, not what it leads to', async () => {
      fs.writeFileSync(at('precious'), '')
      fs.symlinkSync(at('precious'), at(`${NAME}.hold`))
      expect(await removeHolds(systemDisk, plain())).to.equal(true)
      expect(names()).to.deep.equal(['precious'])
    })

    it('does nothing where there is none', async () => {
      fs.writeFileSync(at('audit.log.hold'), '')
      const faulty = new FaultyDisk()
      expect(await removeHolds(faulty.disk, plain())).to.equal(false)
      expect(new Set(faulty.calls)).to.deep.equal(new Set(['lstat']))
      expect(names()).to.deep.equal(['audit.log.hold'])
    })

    it('fails where it cannot, and the hold stays', async () => {
      fs.writeFileSync(at(`${NAME}.hold`), '')
      const faulty = new FaultyDisk()
      faulty.fail('unlink', 'EPERM')
      expect(await removeHolds(faulty.disk, plain()).catch(systemCode)).to.equal('EPERM')
      expect(isHeld(systemDisk, plain())).to.equal(true)
    })
  })
})
