import { expect } from 'chai'
import fs from 'fs-extra'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { privatePath, recover, release, rotate } from '../../lib/rotation/rotation.js'
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
    return { path: at('audit.log'), open, now: NOW, newest }
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

describe('recover', () => {
  const at = temporaryDirectory()
  const recoverHere = () => recover(systemDisk, at('audit.log'), NOW)

  it('does not read the directory when there is nothing to finish', () => {
    const faulty = new FaultyDisk()
    fs.writeFileSync(at('audit.log'), 'one\n')
    expect(recover(faulty.disk, at('audit.log'), NOW)).to.include({ finished: 0, tornBytes: 0 })
    expect(faulty.calls).to.not.include('namesNow')
  })

  it('names a file that was renamed away and no more, after the newest backup', () => {
    fs.writeFileSync(at('audit-2016-09-07T14-00-00.000.log'), 'newest\n')
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    expect(recoverHere()).to.include({ finished: 1, tornBytes: 0 })
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

  it('leaves what is no regular file under the private name', () => {
    fs.symlinkSync(at('elsewhere'), at('.audit.log.rotating'))
    expect(recoverHere()).to.include({ finished: 0, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.deep.equal(['.audit.log.rotating'])
  })
})
