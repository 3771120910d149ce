import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup } from '../../lib/backup/backup.js'
import { BackupTimes } from '../../lib/backup/backup-times.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { PrivateNames } from '../../lib/rotation/private-names.js'
import { finishRotations, isHalfRotated } from '../../lib/rotation/recovery.js'
import type { LogState } from '../../lib/rotation/rotation.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { backupNames } from '../support/log-directory.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NOW = Date.parse('2016-09-07T13:03:57.400Z')
const NAME = 'audit-2016-09-07T13-03-57.400.log'
const NEXT_NAME = 'audit-2016-09-07T13-03-57.401.log'
const LAST_NAME = 'audit-2016-09-07T13-03-57.402.log'

/** What is known of a log whose directory was read. */
function stateOf(path: string, disk: Disk): LogState {
  const names = new PrivateNames(disk, path)
  const times = new BackupTimes(disk, path, number => names.leave(number))
  while (!times.look());
  return { path, now: NOW, times, names }
}

describe('finishRotations', () => {
  const at = temporaryDirectory()
  const state = (disk: Disk = systemDisk): LogState => stateOf(at('audit.log'), disk)
  const finish = (disk: Disk = systemDisk) => finishRotations(disk, state(disk))

  it('names a file that was renamed away and no more, after the newest backup', () => {
    fs.writeFileSync(at('audit-2016-09-07T14-00-00.000.log'), 'newest\n')
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    expect(finish()).to.deep.equal({ finished: 1, tornBytes: 0 })
    expect(backupNames(at('audit.log'))).to.deep.equal([
      'audit-2016-09-07T14-00-00.000.log',
      'audit-2016-09-07T14-00-00.001.log',
    ])
    expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(false)
  })

  it('only frees the private name when the backup name was given already', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at(NAME))
    expect(finish()).to.deep.equal({ finished: 1, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
  })

  it('only frees the private name when the file was put back', () => {
    fs.writeFileSync(at('audit.log'), 'one\ntw')
    fs.linkSync(at('audit.log'), at('.audit.log.rotating'))
    expect(finish()).to.deep.equal({ finished: 1, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.deep.equal(['audit.log'])
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('one\ntw')
  })

  it('does not count a link that somebody else made as a name', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at('snapshot'))
    finish()
    expect(fs.readdirSync(at()).sort()).to.deep.equal([NAME, 'snapshot'])
  })

  it('closes off torn tails, and counts them all', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw')
    fs.writeFileSync(at('.audit.log.rotating.2'), 'two\nthr')
    expect(finish()).to.deep.equal({ finished: 2, tornBytes: 5 })
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('one\ntw\n')
    expect(fs.readFileSync(at(NEXT_NAME), 'utf8')).to.equal('two\nthr\n')
  })

  it('names each before those that came after it, whichever have their names already', () => {
    for (const number of [1, 2, 3]) {
      const name = number === 1 ? '.audit.log.rotating' : `.audit.log.rotating.${number}`
      fs.writeFileSync(at(name), `${number}\n`)
    }
    fs.linkSync(at('.audit.log.rotating.2'), at(LAST_NAME))
    expect(finish()).to.deep.equal({ finished: 3, tornBytes: 0 })
    const contents = backupNames(at('audit.log')).map(name => fs.readFileSync(at(name), 'utf8'))
    expect(contents).to.deep.equal(['1\n', '2\n', '3\n'])
    expect(backupNames(at('audit.log'))[1]).to.equal(LAST_NAME)
    expect(fs.readdirSync(at())).to.have.length(3)
  })

  it('names those after the last that has a name in their order, also where the clock went back', () => {
    fs.writeFileSync(at('.audit.log.rotating'), '1\n')
    fs.writeFileSync(at('.audit.log.rotating.2'), '2\n')
    fs.writeFileSync(at('.audit.log.rotating.3'), '3\n')
    fs.linkSync(at('.audit.log.rotating'), at(LAST_NAME))
    finish()
    const contents = backupNames(at('audit.log')).map(name => fs.readFileSync(at(name), 'utf8'))
    expect(contents).to.deep.equal(['1\n', '2\n', '3\n'])
  })

  it('goes by their births, not by their numbers, since freed names may be there again', () => {
    fs.writeFileSync(at('.audit.log.rotating.2'), 'old 2\n')
    fs.writeFileSync(at('.audit.log.rotating.3'), 'old 3\n')
    fs.linkSync(at('.audit.log.rotating.2'), at(NAME))
    fs.linkSync(at('.audit.log.rotating.3'), at(NEXT_NAME))
    const { birthtimeMs } = fs.statSync(at('.audit.log.rotating.3'))
    do {
      fs.removeSync(at('.audit.log.rotating'))
      fs.writeFileSync(at('.audit.log.rotating'), 'new 1\n')
    } while (fs.statSync(at('.audit.log.rotating')).birthtimeMs === birthtimeMs) // some ms
    finish()
    const contents = backupNames(at('audit.log')).map(name => fs.readFileSync(at(name), 'utf8'))
    expect(contents).to.deep.equal(['old 2\n', 'old 3\n', 'new 1\n'])
  })

  it('finds the backup of each newest first, however many there are', () => {
    for (let index = 0; index < 50; index++) {
      const { path } = plainBackup(at('audit.log'), new Date(NOW - 1000 + index), 0)
      fs.writeFileSync(path, '')
    }
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.linkSync(at('.audit.log.rotating'), at(NAME))
    fs.writeFileSync(at('.audit.log.rotating.2'), 'two\n')
    fs.linkSync(at('.audit.log.rotating.2'), at(NEXT_NAME))
    const faulty = new FaultyDisk()
    expect(finish(faulty.disk)).to.include({ finished: 2 })
    expect(fs.readdirSync(at())).to.have.length(52)
    const looks = 4 // what it is; is it the active file; is it this backup; is it still there
    expect(faulty.calls.filter(call => call === 'lstat')).to.have.length(2 * looks)
  })

  it('frees no private name before the file and the directory are synced', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    const faulty = new FaultyDisk()
    const ours = state(faulty.disk)
    faulty.calls.length = 0
    finishRotations(faulty.disk, ours)
    const steps = faulty.calls.filter(call => !['lstat', 'fstat', 'read'].includes(call))
    expect(steps).to.deep.equal([
      'openExisting',
      'datasyncNow',
      'close',
      'link',
      'syncDirectoryNow',
      'unlink',
    ])
  })

  it('can be repeated after a failure at any of its steps', () => {
    for (const call of [
      'openExisting',
      'datasyncNow',
      'link',
      'syncDirectoryNow',
      'unlink',
    ] as const) {
      fs.emptyDirSync(at())
      fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw')
      const faulty = new FaultyDisk()
      const ours = state(faulty.disk)
      faulty.fail(call, 'EIO', { times: 1 })
      expect(() => finishRotations(faulty.disk, ours), call).to.throw('EIO')
      expect(ours.names.leftovers, call).to.deep.equal([1])
      expect(finishRotations(faulty.disk, ours), call).to.include({ finished: 1 })
      expect(fs.readdirSync(at()), call).to.deep.equal([NAME])
      expect(fs.readFileSync(at(NAME), 'utf8'), call).to.equal('one\ntw\n')
    }
  })

  it('works where the file system has no links', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    const faulty = new FaultyDisk()
    faulty.fail('link', 'EPERM')
    expect(finish(faulty.disk)).to.include({ finished: 1 })
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
  })

  it('writes nothing into a file that is linked from where nobody knows, but names it', () => {
    fs.writeFileSync(at('elsewhere'), 'torn')
    fs.linkSync(at('elsewhere'), at('.audit.log.rotating'))
    expect(finish()).to.deep.equal({ finished: 1, tornBytes: 0 })
    expect(fs.readdirSync(at()).sort()).to.deep.equal([NAME, 'elsewhere'])
    expect(fs.readFileSync(at('elsewhere'), 'utf8')).to.equal('torn')
  })

  it('writes nothing into a file that somebody puts there in this moment', () => {
    fs.writeFileSync(at('elsewhere'), 'torn')
    fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw')
    const faulty = new FaultyDisk()
    const ours = state(faulty.disk)
    faulty.before('openExisting', () => {
      fs.unlinkSync(at('.audit.log.rotating'))
      fs.linkSync(at('elsewhere'), at('.audit.log.rotating'))
    })
    expect(() => finishRotations(faulty.disk, ours)).to.throw(/replaced .* in this moment/)
    expect(fs.readFileSync(at('elsewhere'), 'utf8')).to.equal('torn')
  })

  it('leaves what is no regular file under a private name', () => {
    fs.symlinkSync(at('elsewhere'), at('.audit.log.rotating'))
    fs.mkdirSync(at('.audit.log.rotating.2'))
    const ours = state()
    expect(finishRotations(systemDisk, ours)).to.deep.equal({ finished: 0, tornBytes: 0 })
    expect(fs.readdirSync(at())).to.have.length(2)
    expect(ours.names.leftovers).to.deep.equal([])
  })
})

describe('isHalfRotated', () => {
  const at = temporaryDirectory()
  const state = (): LogState => stateOf(at('audit.log'), systemDisk)

  it('is true where the active file is a backup too, and be it not the newest', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    expect(isHalfRotated(systemDisk, state())).to.equal(false)
    fs.writeFileSync(at(NAME), 'before\n')
    expect(isHalfRotated(systemDisk, state())).to.equal(false)
    fs.linkSync(at('audit.log'), at(NEXT_NAME))
    expect(isHalfRotated(systemDisk, state())).to.equal(true)
    fs.writeFileSync(at(LAST_NAME), 'another\n')
    expect(isHalfRotated(systemDisk, state())).to.equal(true)
    fs.unlinkSync(at('audit.log'))
    expect(isHalfRotated(systemDisk, state())).to.equal(false)
  })
})
