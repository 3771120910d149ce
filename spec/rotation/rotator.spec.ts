import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup } from '../../lib/backup/backup.js'
import { systemDisk, type FileStatus } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { Rotator } from '../../lib/rotation/rotator.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { backupNames } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NAME = 'audit-2016-09-07T13-03-57.400.log'
const NEXT_NAME = 'audit-2016-09-07T13-03-57.401.log'

describe('Rotator', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let told: string[]

  const open = (): Rotator =>
    new Rotator({ disk: faulty.disk, clock: new ManualClock() }, at('audit.log'), {
      recovered: ({ finished, tornBytes }) => told.push(`recovered ${finished} ${tornBytes}`),
      warn: ({ code, message }) => told.push(`${code} ${message}`),
    })

  const statusOf = (name: string): FileStatus => fs.lstatSync(at(name))

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

  beforeEach(() => {
    faulty = new FaultyDisk()
    told = []
  })

  it('does not read the directory when there is nothing to finish', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    expect(open().recover()).to.deep.equal({ finished: 0, tornBytes: 0, file: undefined })
    expect(faulty.calls).to.deep.equal(['lstat', 'lstat'])
  })

  it('finishes what a crash left when the log is opened, and tells whose mode is to be had', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw', { mode: 0o640 })
    fs.writeFileSync(at('.audit.log.rotating.2'), 'two\n')
    const { file, ...recovery } = open().recover()
    expect(recovery).to.deep.equal({ finished: 2, tornBytes: 2 })
    expect(file?.mode).to.equal(0o100640)
    expect(fs.readdirSync(at())).to.have.length(2)
  })

  it('finds what lies beyond the first private name when it reads the directory', () => {
    fs.writeFileSync(at('.audit.log.rotating.2'), 'one\n')
    const rotator = open()
    expect(rotator.recover()).to.include({ finished: 0 })
    expect(rotator.isReady()).to.equal(true)
    expect(told).to.deep.equal(['recovered 1 0'])
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
  })

  it('finds it in a listing too, but takes no rotation of its own for it', () => {
    fs.writeFileSync(at('.audit.log.rotating.2'), 'one\n')
    const rotator = open()
    rotator.recover()
    expect(rotator.learn({ backups: [], privateNumbers: [2] })).to.equal(true)
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
    fs.writeFileSync(at('audit.log'), 'two\n')
    const file = statusOf('audit.log')
    rotator.rotate(file)
    expect(rotator.learn({ backups: [], privateNumbers: [1] })).to.equal(false)
    expect(rotator.isUnderWay(file)).to.equal(true)
    expect(fs.readdirSync(at())).to.include('.audit.log.rotating.3')
    rotator.release(file)
    expect(rotator.isUnderWay(file)).to.equal(false)
    expect(fs.readdirSync(at())).to.deep.equal([NAME, NEXT_NAME])
    expect(told).to.deep.equal(['recovered 1 0'])
  })

  it('takes an active file for rotated that is the newest backup too', () => {
    fs.writeFileSync(at('audit.log'), 'one\n', { mode: 0o640 })
    fs.linkSync(at('audit.log'), at(NAME))
    const { file, ...recovery } = open().recover()
    expect(recovery).to.deep.equal({ finished: 1, tornBytes: 0 })
    expect(file?.mode).to.equal(0o100640)
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
    expect(fs.statSync(at(NAME)).nlink).to.equal(1)
  })

  it('leaves an active file alone to which somebody made a link', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    fs.linkSync(at('audit.log'), at('snapshot'))
    expect(open().recover()).to.deep.equal({ finished: 0, tornBytes: 0, file: undefined })
    expect(fs.readdirSync(at())).to.deep.equal(['audit.log', 'snapshot'])
  })

  it('warns once of what cannot be finished, rotates nothing before it, and tries again', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    fs.writeFileSync(at('audit.log'), 'two\n')
    faulty.fail('link', 'EIO')
    const rotator = open()
    expect(rotator.recover()).to.include({ finished: 0 })
    rotator.learn({ backups: [], privateNumbers: [1] })
    rotator.learn({ backups: [], privateNumbers: [1] })
    expect(told).to.have.length(1)
    expect(told[0]).to.match(/^ERR_ROLLKEEPER_ROTATE cannot finish .*EIO/)
    expect(() => rotator.rotate(statusOf('audit.log'))).to.throw('EIO')
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('two\n')
    faulty.heal()
    rotator.rotate(statusOf('audit.log'))
    expect(told.slice(1)).to.deep.equal(['recovered 1 0'])
    expect(
      backupNames(at('audit.log')).map(name => fs.readFileSync(at(name), 'utf8')),
    ).to.deep.equal(['one\n', 'two\n'])
  })

  it('takes on a file that a rotation had to leave under its private name', () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    const rotator = open()
    const first = statusOf('audit.log')
    faulty.fail('link', 'EIO')
    faulty.before('rename', (from: string) => {
      if (from !== at('audit.log')) throw new Error('not back')
    })
    expect(() => rotator.rotate(first)).to.throw(RollkeeperError, /EIO/)
    expect(fs.readdirSync(at())).to.deep.equal(['.audit.log.rotating'])
    expect(rotator.isUnderWay(first)).to.equal(true)
    faulty.heal()
    fs.writeFileSync(at('audit.log'), 'two\n')
    const second = statusOf('audit.log')
    rotator.rotate(second)
    rotator.release(second)
    expect(fs.readdirSync(at())).to.deep.equal([NAME, NEXT_NAME])
    expect(fs.readFileSync(at(NAME), 'utf8')).to.equal('one\n')
  })

  describe('of a directory that takes long to read', () => {
    it('leaves what there is to finish for later, and is ready then', () => {
      fs.writeFileSync(at('audit-2016-09-07T14-00-00.000.log'), 'newest\n')
      fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw', { mode: 0o640 })
      faulty = slowDisk(2)
      const rotator = open()
      const { file, ...recovery } = rotator.recover()
      expect(recovery).to.deep.equal({ finished: 0, tornBytes: 0 })
      expect(file?.mode).to.equal(0o100640)
      expect([rotator.isReady(), rotator.isReady()]).to.deep.equal([false, true])
      expect(told).to.deep.equal(['recovered 1 2'])
      expect(backupNames(at('audit.log'))).to.deep.equal([
        'audit-2016-09-07T14-00-00.000.log',
        'audit-2016-09-07T14-00-00.001.log',
      ])
      expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(false)
    })

    it('goes on at once when a listing has told all', () => {
      fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
      faulty = slowDisk(Infinity)
      const rotator = open()
      rotator.recover()
      const newest = plainBackup(at('audit.log'), new Date('2016-09-07T13:03:57.407Z'), 0)
      rotator.learn({ backups: [newest], privateNumbers: [1] })
      expect(told).to.deep.equal(['recovered 1 0'])
      expect(backupNames(at('audit.log'))).to.deep.equal(['audit-2016-09-07T13-03-57.408.log'])
    })

    it('reads all of it before it lets an active file go on that may be a backup too', () => {
      fs.writeFileSync(at('audit.log'), 'one\n')
      fs.linkSync(at('audit.log'), at(NAME))
      faulty = slowDisk(3)
      expect(open().recover()).to.include({ finished: 1 })
      expect(fs.readdirSync(at())).to.deep.equal([NAME])
    })
  })
})
