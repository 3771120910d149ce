import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup } from '../../lib/backup/backup.js'
import { BackupTimes } from '../../lib/backup/backup-times.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { isPrivate, privatePath, recover, release, rotate } from '../../lib/rotation/rotation.js'
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
    const times = new BackupTimes(disk, at('audit.log'))
    times.learn(newest === undefined ? [] : [plainBackup(at('audit.log'), new Date(newest), 0)])
    return { path: at('audit.log'), open, now: NOW, times }
  }

  function names(): string[] {
    return fs.readdirSync(at()).sort()
  }

  it('gives the active file its backup name, and keeps the private name until it is released', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const ours = order()
    const backup = rotate(systemDisk, ours)
    expect(backup).to.deep.include({ name: NAME, path: at(NAME), bytes: 4, archived: false })
    expect(names()).to.deep.equal(['.audit.log.rotating', NAME])

    release(systemDisk, at('audit.log'), ours.open)
    expect(names()).to.deep.equal([NAME])
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
    expect(names()).to.deep.equal(['audit.log', 'elsewhere'])
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('theirs\n')
  })

  it('leaves the file in its place when it cannot be renamed, and says why', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('rename', 'EBUSY')
    expect(() => rotate(faulty.disk, order()))
      .to.throw(RollkeeperError, /cannot rotate .*EBUSY/)
      .with.deep.include({ code: 'ERR_ROLLKEEPER_ROTATE', path: at('audit.log') })
    expect(names()).to.deep.equal(['audit.log'])
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
    expect(names()).to.deep.equal(['audit.log'])
    expect(fs.statSync(at('audit.log')).nlink).to.equal(1)
  })

  it('renames over an empty file of its own where the file system has no links', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    fs.writeFileSync(at(NAME), 'other\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'EPERM')
    expect(rotate(faulty.disk, order()).name).to.equal(NEXT_NAME)
    expect(names()).to.deep.equal([NAME, NEXT_NAME])
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('other\n')
    expect(fs.readFileSync(at(NEXT_NAME), 'utf8')).to.equal('one\n')
  })

  it('puts the file back on such a file system too', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'EPERM')
    faulty.fail('create', 'EDQUOT')
    expect(() => rotate(faulty.disk, order())).to.throw(RollkeeperError, /EDQUOT/)
    expect(names()).to.deep.equal(['audit.log'])
  })

  it('names the file that an earlier rotation left under the private name before it takes it', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'first\n')
    fs.writeFileSync(at('audit.log'), 'second\n')
    const { name } = rotate(systemDisk, order(systemDisk, undefined))
    expect(name).to.equal(NEXT_NAME)
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('first\n')
    expect(fs.readFileSync(at(NEXT_NAME), 'utf8')).to.equal('second\n')
  })

  it('does not bring back a backup that was pruned before its private name was free', () => {
    fs.writeFileSync(at('audit.log'), 'first\n')
    const first = order()
    fs.unlinkSync(rotate(systemDisk, first).path)
    fs.writeFileSync(at('audit.log'), 'second\n')
    const { name } = rotate(systemDisk, { ...order(), previous: first.open })
    expect(names()).to.deep.equal(['.audit.log.rotating', name])
    expect(fs.readFileSync(at(name), 'utf8')).to.equal('second\n')
  })

  it('adds what it makes to the times that it goes by', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const ours = order(systemDisk, NOW + 5)
    const { time } = rotate(systemDisk, ours)
    expect(+time).to.equal(NOW + 6)
    expect(ours.times.newest).to.equal(NOW + 6)
    expect(ours.times.newestFirst()).to.deep.equal([NOW + 6, NOW + 5])
  })

  it('frees a leftover private name whose backup has its name already, and makes no other one', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'first\n')
    fs.linkSync(at('.audit.log.rotating'), at(NAME))
    fs.writeFileSync(at('audit.log'), 'second\n')
    const { name } = rotate(systemDisk, order(systemDisk, NOW))
    expect(name).to.equal(NEXT_NAME)
    expect(names()).to.deep.equal(['.audit.log.rotating', NAME, NEXT_NAME])
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('first\n')
    expect(fs.readFileSync(at(NEXT_NAME), 'utf8')).to.equal('second\n')
  })

  it('refuses when a directory stands under the private name', () => {
    fs.mkdirSync(at('.audit.log.rotating'))
    fs.writeFileSync(at('audit.log'), 'one\n')
    expect(() => rotate(systemDisk, order())).to.throw(RollkeeperError, /not a regular file/)
    expect(names()).to.deep.equal(['.audit.log.rotating', 'audit.log'])
  })
})

describe('release', () => {
  const at = temporaryDirectory()

  it('leaves the private name alone when it is another file', () => {
    fs.writeFileSync(at(NAME), 'one\n')
    fs.writeFileSync(at('.audit.log.rotating'), 'two\n')
    release(systemDisk, at('audit.log'), fs.lstatSync(at(NAME)))
    expect(fs.existsSync(privatePath(at('audit.log')))).to.equal(true)
  })
})

describe('isPrivate', () => {
  const at = temporaryDirectory()

  it('is true for the file that has the private name, until it is released', () => {
    fs.writeFileSync(at(NAME), 'one\n')
    const backup = fs.lstatSync(at(NAME))
    expect(isPrivate(systemDisk, at('audit.log'), backup)).to.equal(false)
    fs.writeFileSync(at('.audit.log.rotating'), 'another\n')
    expect(isPrivate(systemDisk, at('audit.log'), backup)).to.equal(false)
    fs.removeSync(at('.audit.log.rotating'))
    fs.linkSync(at(NAME), at('.audit.log.rotating'))
    expect(isPrivate(systemDisk, at('audit.log'), backup)).to.equal(true)
    release(systemDisk, at('audit.log'), backup)
    expect(isPrivate(systemDisk, at('audit.log'), backup)).to.equal(false)
  })
})

describe('recover', () => {
  const at = temporaryDirectory()
  const recoverHere = (disk: Disk = systemDisk, times = new BackupTimes(disk, at('audit.log'))) =>
    recover(disk, at('audit.log'), NOW, times)

  /** A disk whose directory takes so many looks more to be read. */
  const slowDisk = (looks: number): FaultyDisk =>
    new FaultyDisk({
      ...systemDisk,
      scan: directory => {
        const scan = systemDisk.scan(directory)
        let pieces = looks * 4
        return { ...scan, next: () => (pieces-- > 0 ? [] : scan.next()) }
      },
    })

  it('does not read the directory when there is nothing to finish', () => {
    const faulty = new FaultyDisk()
    fs.writeFileSync(at('audit.log'), 'one\n')
    const nothing = { finished: 0, tornBytes: 0, file: undefined, end: 'done' }
    expect(recoverHere(faulty.disk)).to.deep.equal(nothing)
    expect(faulty.calls).to.deep.equal(['lstat'])
  })

  it('names a file that was renamed away and no more, after the newest backup', () => {
    fs.writeFileSync(at('audit-2016-09-07T14-00-00.000.log'), 'newest\n')
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    expect(recoverHere()).to.include({ finished: 1, tornBytes: 0, end: 'done' })
    expect(backupNames(at('audit.log'))).to.deep.equal([
      'audit-2016-09-07T14-00-00.000.log',
      'audit-2016-09-07T14-00-00.001.log',
    ])
    expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(false)
  })

  it('only frees the private name when the backup name was given already', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at(NAME))
    expect(recoverHere()).to.include({ finished: 1, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
  })

  it('only frees the private name when the file was put back', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    fs.linkSync(at('audit.log'), at('.audit.log.rotating'))
    recoverHere()
    expect(fs.readdirSync(at())).to.deep.equal(['audit.log'])
  })

  it('does not count a link that somebody else made as a name', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at('snapshot'))
    recoverHere()
    expect(fs.readdirSync(at()).sort()).to.deep.equal([NAME, 'snapshot'])
  })

  it('closes off a torn tail on the way', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw')
    expect(recoverHere()).to.include({ finished: 1, tornBytes: 2 })
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('one\ntw\n')
  })

  it('can be repeated', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    recoverHere()
    expect(recoverHere()).to.include({ finished: 0, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
  })

  it('finds the backup of a leftover newest first, however many there are', () => {
    for (let index = 0; index < 50; index++) {
      const { path } = plainBackup(at('audit.log'), new Date(NOW - 1000 + index), 0)
      fs.writeFileSync(path, '')
    }
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at(NAME))
    const faulty = new FaultyDisk()
    expect(recoverHere(faulty.disk)).to.include({ finished: 1 })
    expect(fs.readdirSync(at())).to.have.length(51)
    expect(faulty.calls.filter(call => call === 'lstat')).to.have.length(5)
  })

  it('finds it also where it is not the newest', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at(NAME))
    fs.writeFileSync(at(NEXT_NAME), 'newer\n')
    recoverHere()
    expect(fs.readdirSync(at()).sort()).to.deep.equal([NAME, NEXT_NAME])
  })

  describe('of a directory that takes long to read', () => {
    it('closes the torn tail, leaves the rest for later, and finishes it when called again', () => {
      fs.writeFileSync(at('audit-2016-09-07T14-00-00.000.log'), 'newest\n')
      fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw', { mode: 0o640 })
      const { disk } = slowDisk(2)
      const times = new BackupTimes(disk, at('audit.log'))
      const first = recoverHere(disk, times)
      expect(first).to.include({ finished: 0, tornBytes: 2, end: 'later' })
      expect(first.file?.mode).to.equal(0o100640)
      expect(fs.readFileSync(at('.audit.log.rotating'), 'utf8')).to.equal('one\ntw\n')
      expect(backupNames(at('audit.log'))).to.have.length(1)
      expect(recoverHere(disk, times)).to.include({ finished: 0, tornBytes: 0, end: 'later' })
      expect(recoverHere(disk, times)).to.include({ finished: 1, tornBytes: 0, end: 'done' })
      expect(backupNames(at('audit.log'))).to.deep.equal([
        'audit-2016-09-07T14-00-00.000.log',
        'audit-2016-09-07T14-00-00.001.log',
      ])
      expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(false)
      expect(recoverHere(disk, times)).to.include({ finished: 0, end: 'done' })
    })

    it('goes on at once when a listing has told all', () => {
      fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
      const { disk } = slowDisk(Infinity)
      const times = new BackupTimes(disk, at('audit.log'))
      expect(recoverHere(disk, times)).to.include({ end: 'later' })
      times.learn([plainBackup(at('audit.log'), new Date(NOW + 7), 0)])
      expect(recoverHere(disk, times)).to.include({ finished: 1, end: 'done' })
      expect(backupNames(at('audit.log'))).to.deep.equal(['audit-2016-09-07T13-03-57.408.log'])
    })
  })

  it('says what the system says where the directory cannot be read, and can be repeated', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('scan', 'EMFILE', { times: 1 })
    const times = new BackupTimes(faulty.disk, at('audit.log'))
    expect(() => recoverHere(faulty.disk, times)).to.throw('EMFILE')
    expect(recoverHere(faulty.disk, times)).to.include({ finished: 1 })
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
  })

  it('leaves what is no regular file under the private name', () => {
    fs.symlinkSync(at('elsewhere'), at('.audit.log.rotating'))
    expect(recoverHere()).to.include({ finished: 0, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.deep.equal(['.audit.log.rotating'])
  })
})
