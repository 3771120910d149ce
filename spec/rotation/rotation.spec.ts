import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup } from '../../lib/backup/backup.js'
import { BackupTimes } from '../../lib/backup/backup-times.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { PrivateNames } from '../../lib/rotation/private-names.js'
import { nameBackup, rotate } from '../../lib/rotation/rotation.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { backupNames } from '../support/log-directory.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NOW = Date.parse('2016-09-07T13:03:57.400Z')
const NAME = 'audit-2016-09-07T13-03-57.400.log'
const NEXT_NAME = 'audit-2016-09-07T13-03-57.401.log'

describe('rotate', () => {
  const at = temporaryDirectory()

  function order(disk: Disk = systemDisk, newest?: number) {
    const open = disk.lstat(at('audit.log'))
    if (!open) throw new Error('the test has made no active file')
    const times = new BackupTimes(disk, at('audit.log'), () => undefined)
    const backups = newest === undefined ? [] : [plainBackup(at('audit.log'), new Date(newest), 0)]
    times.learn({ backups, privateNumbers: [] })
    const names = new PrivateNames(disk, at('audit.log'))
    return { path: at('audit.log'), open, now: NOW, times, names }
  }

  /** Of an active file that holds one record. */
  function order1(disk: Disk = systemDisk) {
    fs.writeFileSync(at('audit.log'), 'one\n')
    return order(disk)
  }

  function filesThere(): string[] {
    return fs.readdirSync(at()).sort()
  }

  it('gives the active file its backup name, and keeps the private name until it is released', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const ours = order()
    const backup = rotate(systemDisk, ours)
    expect(backup).to.deep.include({ name: NAME, path: at(NAME), bytes: 4, archived: false })
    expect(filesThere()).to.deep.equal(['.audit.log.rotating', NAME])

    ours.names.release(ours.open)
    expect(filesThere()).to.deep.equal([NAME])
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('one\n')
  })

  it('takes the next free millisecond where the name is taken, plain or as an archive', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    fs.writeFileSync(at(NAME), 'other\n')
    fs.writeFileSync(at(`${NEXT_NAME}.gz`), 'archive')
    expect(rotate(systemDisk, order()).name).to.equal('audit-2016-09-07T13-03-57.402.log')
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('other\n')
  })

  it('sorts after the newest backup when the clock went back', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const { name } = rotate(systemDisk, order(systemDisk, NOW + 60_000))
    expect(name).to.equal('audit-2016-09-07T13-04-57.401.log')
  })

  it('is not stopped by a backup of the last moment that a name can tell', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const newest = Date.parse('9999-12-31T23:59:59.999Z')
    expect(rotate(systemDisk, order(systemDisk, newest)).name).to.equal(NAME)
  })

  it('does not take the file of somebody else for ours, and puts it back', () => {
    fs.writeFileSync(at('audit.log'), 'ours\n')
    const ours = order()
    fs.renameSync(at('audit.log'), at('elsewhere'))
    fs.writeFileSync(at('audit.log'), 'theirs\n')
    expect(() => rotate(systemDisk, ours)).to.throw(RollkeeperError, /replaced/)
    expect(filesThere()).to.deep.equal(['audit.log', 'elsewhere'])
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('theirs\n')
  })

  it('leaves the file in its place when it cannot be renamed, and says why', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('rename', 'EBUSY')
    expect(() => rotate(faulty.disk, order()))
      .to.throw(RollkeeperError, /cannot rotate .*EBUSY/)
      .with.deep.include({ code: 'ERR_ROLLKEEPER_ROTATE', path: at('audit.log') })
    expect(filesThere()).to.deep.equal(['audit.log'])
  })

  it('goes on when a rename took effect although it reported an error', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.before('rename', () => {
      fs.renameSync(at('audit.log'), at('.audit.log.rotating'))
      throw systemError('EIO')
    })
    expect(rotate(faulty.disk, order()).name).to.equal(NAME)
  })

  it('goes on when a link took effect although it reported an error', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.before('link', () => {
      fs.linkSync(at('.audit.log.rotating'), at(NAME))
      throw systemError('EIO')
    })
    expect(rotate(faulty.disk, order()).name).to.equal(NAME)
    expect(backupNames(at('audit.log'))).to.deep.equal([NAME])
  })

  it('puts the file back when it cannot be given its name', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'ENOSPC', { times: 1 })
    expect(() => rotate(faulty.disk, order())).to.throw(RollkeeperError, /ENOSPC/)
    expect(filesThere()).to.deep.equal(['audit.log'])
    expect(fs.statSync(at('audit.log')).nlink).to.equal(1)
  })

  it('renames over an empty file of its own where the file system has no links', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    fs.writeFileSync(at(NAME), 'other\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'EPERM')
    expect(rotate(faulty.disk, order()).name).to.equal(NEXT_NAME)
    expect(filesThere()).to.deep.equal([NAME, NEXT_NAME])
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('other\n')
    expect(fs.readFileSync(at(NEXT_NAME), 'utf8')).to.equal('one\n')
  })

  it('puts the file back on such a file system too', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'EPERM')
    faulty.fail('create', 'EDQUOT')
    expect(() => rotate(faulty.disk, order())).to.throw(RollkeeperError, /EDQUOT/)
    expect(filesThere()).to.deep.equal(['audit.log'])
  })

  it('leaves no descriptor open on such a file system where the new file cannot be looked at', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'EPERM')
    faulty.fail('fstat', 'EIO')
    expect(() => rotate(faulty.disk, order())).to.throw(RollkeeperError, /EIO/)
    const count = (name: string): number => faulty.calls.filter(call => call === name).length
    expect(count('close')).to.equal(count('create'))
  })

  it('adds what it makes to the times that it goes by', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const ours = order(systemDisk, NOW + 5)
    const { time } = rotate(systemDisk, ours)
    expect(+time).to.equal(NOW + 6)
    expect(ours.times.newest).to.equal(NOW + 6)
    expect(ours.times.newestFirst()).to.deep.equal([NOW + 6, NOW + 5])
  })

  it('takes another private name while those before it are not free, and ends each in its turn', () => {
    const ours = order1()
    rotate(systemDisk, ours)
    fs.writeFileSync(at('audit.log'), 'two\n')
    const next = { ...order(), names: ours.names, times: ours.times }
    rotate(systemDisk, next)
    expect(filesThere()).to.deep.equal([
      '.audit.log.rotating',
      '.audit.log.rotating.2',
      NAME,
      NEXT_NAME,
    ])
    ours.names.release(ours.open)
    expect(filesThere()).to.deep.equal(['.audit.log.rotating.2', NAME, NEXT_NAME])
    ours.names.release(next.open)
    expect(filesThere()).to.deep.equal([NAME, NEXT_NAME])
  })

  it('passes over whatever somebody put at a private name', () => {
    fs.mkdirSync(at('.audit.log.rotating'))
    fs.symlinkSync(at('elsewhere'), at('.audit.log.rotating.2'))
    rotate(systemDisk, order1())
    expect(fs.readFileSync(at('.audit.log.rotating.3'), 'utf8')).to.equal('one\n')
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('one\n')
  })

  it('syncs the directory before it takes the private name from a file that it puts back', () => {
    const faulty = new FaultyDisk()
    const ours = order1(faulty.disk)
    faulty.fail('link', 'ENOSPC', { times: 1 })
    faulty.calls.length = 0
    expect(() => rotate(faulty.disk, ours)).to.throw(RollkeeperError, /ENOSPC/)
    expect(faulty.calls.slice(-4)).to.deep.equal(['lstat', 'link', 'syncDirectoryNow', 'unlink'])
    expect(ours.names.leftovers).to.deep.equal([])
  })

  it('leaves the private name for later where it cannot be sure that power loss spares the other', () => {
    const faulty = new FaultyDisk()
    const ours = order1(faulty.disk)
    faulty.fail('link', 'ENOSPC', { times: 1 })
    faulty.fail('syncDirectoryNow', 'EIO')
    expect(() => rotate(faulty.disk, ours)).to.throw(RollkeeperError, /ENOSPC/)
    expect(filesThere()).to.deep.equal(['.audit.log.rotating', 'audit.log'])
    expect(ours.names.leftovers).to.deep.equal([1])
  })

  it('does not put back a file that may have its backup name already', () => {
    const faulty = new FaultyDisk()
    const ours = order1(faulty.disk)
    faulty.failAfter('link', 'EIO')
    faulty.before('link', () => faulty.fail('lstat', 'EIO', { times: 1 }))
    expect(() => rotate(faulty.disk, ours)).to.throw(RollkeeperError, /EIO/)
    expect(filesThere()).to.deep.equal(['.audit.log.rotating', NAME])
    expect(ours.names.leftovers).to.deep.equal([1])
  })

  it('takes a rename for done that reports an error where there are no links', () => {
    const faulty = new FaultyDisk()
    const ours = order1(faulty.disk)
    faulty.fail('link', 'EPERM')
    faulty.after('rename', (_from: string, to: string) => {
      if (to === at(NAME)) throw systemError('EIO')
    })
    expect(rotate(faulty.disk, ours).name).to.equal(NAME)
    expect(filesThere()).to.deep.equal([NAME])
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('one\n')
  })
})

describe('nameBackup', () => {
  const at = temporaryDirectory()

  function stateOf(...times: number[]) {
    const path = at('audit.log')
    const known = new BackupTimes(systemDisk, path, () => undefined)
    const backups = times.map(time => plainBackup(path, new Date(time), 0))
    for (const backup of backups) fs.writeFileSync(backup.path, 'taken\n')
    known.learn({ backups, privateNumbers: [] })
    return { path, now: NOW, times: known, names: new PrivateNames(systemDisk, path) }
  }

  it('names a file before those that came after it, at the last moment that is free', () => {
    fs.writeFileSync(at('left'), 'one\n')
    const state = stateOf(NOW + 9, NOW + 8, NOW + 5)
    expect(+nameBackup(systemDisk, state, at('left'), NOW + 9).time).to.equal(NOW + 7)
    expect(+nameBackup(systemDisk, state, at('left'), NOW + 7).time).to.equal(NOW + 6)
    expect(+nameBackup(systemDisk, state, at('left'), NOW + 6).time).to.equal(NOW + 4)
  })

  it('names it as the newest where that is early enough', () => {
    fs.writeFileSync(at('left'), 'one\n')
    expect(+nameBackup(systemDisk, stateOf(NOW - 5), at('left'), NOW + 9).time).to.equal(NOW)
  })
})
