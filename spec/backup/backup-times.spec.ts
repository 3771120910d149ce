import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup } from '../../lib/backup/backup.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { BackupTimes } from '../../lib/backup/backup-times.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { systemError } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const nameOf = (timeMs: number, archived = false): string =>
  formatBackupName('audit.log', new Date(timeMs)) + (archived ? '.gz' : '')

/** A disk whose directory comes in pieces of a name each, and that counts what is done with it. */
class SlowDisk {
  begun = 0
  closed = 0
  pieces = 0
  /** The piece whose reading fails. */
  failsAt = Infinity
  readonly disk: Disk

  constructor(names: readonly string[]) {
    this.disk = {
      ...systemDisk,
      scan: () => {
        this.begun++
        let at = 0
        return {
          next: () => {
            if (++this.pieces === this.failsAt) throw systemError('EIO')
            const name = names[at++]
            return name === undefined ? undefined : [name]
          },
          close: () => void this.closed++,
        }
      },
    }
  }
}

/** Pieces that are read in one go. */
const PIECES_AT_ONCE = 4

describe('BackupTimes', () => {
  const at = temporaryDirectory()
  const open = (disk: Disk = systemDisk): BackupTimes =>
    new BackupTimes(disk, at('audit.log'), () => undefined)

  it('knows nothing before it has looked', () => {
    fs.writeFileSync(at(nameOf(5)), '')
    const times = open()
    expect(times.newest).to.equal(undefined)
    expect(times.newestFirst()).to.deep.equal([])
  })

  it('knows after one look those of a small directory: archives too, and no strangers', () => {
    for (const name of [nameOf(3), nameOf(9, true), nameOf(5)]) fs.writeFileSync(at(name), '')
    for (const name of ['audit.log', formatBackupName('other.log', new Date(99)), 'audit-99.log']) {
      fs.writeFileSync(at(name), '')
    }
    const times = open()
    expect(times.look()).to.equal(true)
    expect(times.newest).to.equal(9)
    expect(times.newestFirst()).to.deep.equal([9, 5, 3])
  })

  it('knows that there is none', () => {
    const times = open()
    expect(times.look()).to.equal(true)
    expect(times.newest).to.equal(undefined)
  })

  it('knows times of the year 0, and before 1970', () => {
    const time = Date.parse('0000-01-01T00:00:00.000Z')
    fs.writeFileSync(at(nameOf(time)), '')
    const times = open()
    times.look()
    expect(times.newest).to.equal(time)
  })

  it('reads a large directory piece by piece, once, and then never again', () => {
    const slow = new SlowDisk([7, 2, 9, 4, 1, 8, 3, 5, 6].map(time => nameOf(time)))
    const times = open(slow.disk)
    expect(times.look()).to.equal(false)
    expect(slow.pieces).to.equal(PIECES_AT_ONCE)
    expect(times.look()).to.equal(false)
    expect(times.look()).to.equal(true)
    expect(times.newest).to.equal(9)
    expect(times.newestFirst()).to.deep.equal([9, 8, 7, 6, 5, 4, 3, 2, 1])
    const { pieces } = slow
    expect(times.look()).to.equal(true)
    expect(slow).to.include({ pieces, begun: 1 })
  })

  describe('when reading fails', () => {
    it('says why, closes the directory, and begins anew with the next look', () => {
      const slow = new SlowDisk([5, 4, 3, 2, 1].map(time => nameOf(time)))
      slow.failsAt = 3
      const times = open(slow.disk)
      expect(() => times.look()).to.throw('EIO')
      expect(slow).to.include({ begun: 1, closed: 1 })
      expect(times.look()).to.equal(false)
      expect(times.look()).to.equal(true)
      expect(slow).to.include({ begun: 2, closed: 1 })
      expect(times.newest).to.equal(5)
    })

    it('says why the directory cannot even be opened', () => {
      const times = new BackupTimes(systemDisk, at('later', 'audit.log'), () => undefined)
      expect(() => times.look()).to.throw('ENOENT')
      fs.outputFileSync(at('later', nameOf(5)), '')
      expect(times.look()).to.equal(true)
      expect(times.newest).to.equal(5)
    })
  })

  describe('add', () => {
    it('counts the newest time, in whichever order they come', () => {
      const times = open()
      times.look()
      times.add(5)
      expect(times.newest).to.equal(5)
      times.add(3)
      expect(times.newest).to.equal(5)
      times.add(7)
      expect(times.newest).to.equal(7)
      expect(times.newestFirst()).to.deep.equal([7, 5, 3])
    })
  })

  describe('learn', () => {
    const backups = (...times: number[]) =>
      times.map(time => plainBackup(at('audit.log'), new Date(time), 0))

    it('knows all by a listing, and does not read the directory then', () => {
      const slow = new SlowDisk([])
      const times = open(slow.disk)
      expect(times.learn({ backups: backups(9, 5, 3), privateNumbers: [] })).to.equal(true)
      expect(times.look()).to.equal(true)
      expect(times.newest).to.equal(9)
      expect(times.newestFirst()).to.deep.equal([9, 5, 3])
      expect(slow.begun).to.equal(0)
    })

    it('knows by an empty listing that there is none', () => {
      const slow = new SlowDisk([])
      const times = open(slow.disk)
      expect(times.learn({ backups: [], privateNumbers: [] })).to.equal(true)
      expect(times.look()).to.equal(true)
      expect(times.newest).to.equal(undefined)
      expect(slow.begun).to.equal(0)
    })

    it('learns of newer ones later, and never takes an earlier one for the newest', () => {
      const times = open()
      times.learn({ backups: backups(5), privateNumbers: [] })
      expect(times.learn({ backups: backups(7, 5), privateNumbers: [] })).to.equal(false)
      expect(times.newest).to.equal(7)
      expect(times.learn({ backups: backups(6, 5), privateNumbers: [] })).to.equal(false)
      expect(times.learn({ backups: [], privateNumbers: [] })).to.equal(false)
      expect(times.newest).to.equal(7)
    })

    it('keeps a rotation until a listing shows it, and then what that shows', () => {
      const times = open()
      times.learn({ backups: backups(5, 3), privateNumbers: [] })
      times.add(8)
      times.learn({ backups: backups(5), privateNumbers: [] })
      expect(times.newestFirst()).to.deep.equal([8, 5])
      times.learn({ backups: backups(9, 8), privateNumbers: [] })
      expect(times.newestFirst()).to.deep.equal([9, 8])
    })
  })
})

describe('BackupTimes of a real directory with some thousand names', () => {
  const COUNT = 3000
  let directory: string
  const open = (): BackupTimes =>
    new BackupTimes(systemDisk, join(directory, 'audit.log'), () => undefined)

  before(() => {
    directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'rollkeeper-')))
    const first = join(directory, nameOf(0))
    fs.writeFileSync(first, '')
    for (let time = 1; time < COUNT; time++) fs.linkSync(first, join(directory, nameOf(time)))
  })
  after(() => fs.removeSync(directory))

  /** Descriptors of this process that lead to the directory. */
  const openDirectories = (): number =>
    fs.readdirSync('/proc/self/fd').filter(fd => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`) === directory
      } catch {
        return false // the one by which they were listed
      }
    }).length

  it('reads no more than a part in one look, and closes the directory at the end', () => {
    const times = open()
    expect(times.look()).to.equal(false)
    expect(times.newestFirst()).to.have.length.within(1500, COUNT - 1)
    expect(openDirectories()).to.equal(1)
    expect(times.look()).to.equal(true)
    expect(times.newestFirst()).to.deep.equal(
      Array.from({ length: COUNT }, (_, at) => COUNT - 1 - at),
    )
    expect(openDirectories()).to.equal(0)
  })

  it('leaves it when it is told to, twice too', () => {
    const times = open()
    times.look()
    times.stop()
    times.stop()
    expect(openDirectories()).to.equal(0)
  })

  it('leaves it when a listing tells all', () => {
    const times = open()
    times.look()
    const listed = plainBackup(join(directory, 'audit.log'), new Date(9000), 0)
    expect(times.learn({ backups: [listed], privateNumbers: [] })).to.equal(true)
    expect(openDirectories()).to.equal(0)
    expect(times.look()).to.equal(true)
    expect(times.newest).to.equal(9000)
    expect(openDirectories()).to.equal(0)
  })
})
