import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import type { Backup } from '../../lib/backup/backup.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { Catalogue, listBackups } from '../../lib/backup/catalogue.js'
import { systemDisk, type DirectoryEntry, type Disk } from '../../lib/platform/disk.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import { mistyped } from '../audit/mistyped.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const day = (number: number): Date => new Date(Date.UTC(2016, 8, number, 13, 3, 57, 400))
const nameOf = (number: number): string => formatBackupName('audit.log', day(number))
const dayOf = ({ time }: Backup): number => time.getUTCDate()

/** Looks that one reading takes again at files that it knows. */
const LOOKS_AGAIN = 500

/** The machine's disk, on a file system that does not tell what kind of file a name is. */
const tellingNothing: Disk = {
  ...systemDisk,
  async *entries(directory) {
    for await (const entries of systemDisk.entries(directory)) {
      yield entries.map(({ name }) => ({ name, regular: undefined }))
    }
  },
}

/** The machine's disk, with a directory that names regular files in this order, some at a time. */
const naming = (pieces: readonly (readonly string[])[]): Disk => ({
  ...systemDisk,
  async *entries() {
    for (const names of pieces) {
      yield names.map((name): DirectoryEntry => ({ name, regular: true }))
    }
  },
})

describe('Catalogue', () => {
  const at = temporaryDirectory()
  const open = (disk: Disk = systemDisk): Catalogue => new Catalogue(disk, at('audit.log'))
  const make = (...numbers: number[]): void => {
    for (const number of numbers) fs.writeFileSync(at(nameOf(number)), `${number}\n`)
  }
  const list = async (catalogue: Catalogue = open()): Promise<readonly Backup[]> =>
    (await catalogue.list()).backups
  const daysOf = async (catalogue: Catalogue): Promise<number[]> =>
    (await list(catalogue)).map(dayOf)

  it('tells of each backup all there is to tell', async () => {
    fs.writeFileSync(at(nameOf(7)), 'ünö\n')
    fs.writeFileSync(at(`${nameOf(8)}.gz`), '')
    expect(await list()).to.deep.equal([
      {
        path: at(`${nameOf(8)}.gz`),
        name: `${nameOf(8)}.gz`,
        time: day(8),
        bytes: 0,
        archived: true,
      },
      { path: at(nameOf(7)), name: nameOf(7), time: day(7), bytes: 6, archived: false },
    ])
  })

  it('lists the newest first by the time in the name, whatever the files date from', async () => {
    for (const [index, number] of [3, 1, 4, 5, 9, 2, 6].entries()) {
      make(number)
      const touched = new Date(Date.UTC(2020 - index, 1))
      fs.utimesSync(at(nameOf(number)), touched, touched)
    }
    expect(await daysOf(open())).to.deep.equal([9, 6, 5, 4, 3, 2, 1])
  })

  it('lists the newest first in whichever order and pieces the directory names them', async () => {
    const days = [1, 2, 3, 4, 5]
    make(...days)
    for (const order of [days, days.toReversed(), [3, 1, 5, 2, 4]]) {
      for (const cut of [0, 1, 3]) {
        const pieces = [order.slice(0, cut), order.slice(cut)].map(some => some.map(nameOf))
        expect(await daysOf(open(naming(pieces)))).to.deep.equal([5, 4, 3, 2, 1])
      }
    }
  })

  it('lists a file that cannot be read', async () => {
    fs.writeFileSync(at(nameOf(7)), 'secret\n', { mode: 0o000 })
    expect(await daysOf(open())).to.deep.equal([7])
  })

  it('is empty where there is no backup', async () => {
    for (const name of [
      'audit.log',
      '.audit.log.rotating',
      '.audit.log.hold',
      'audit.log.foo',
      'audit.log.hold',
      'audit.log.gz',
      '.audit.log.gz.tmp',
      `${nameOf(7)}.gz.gz`,
      `${nameOf(7)}.gz.tmp`,
      `.${nameOf(7)}.tmp`,
      `.${nameOf(7)}.gz.gz.tmp`,
      `${nameOf(7)}.gz.gz.hold`,
      `.${nameOf(7)}.hold`,
      `${nameOf(7)}.hold.hold`,
      formatBackupName('other.log', day(7)),
      `${formatBackupName('other.log', day(7))}.hold`,
      `.${formatBackupName('other.log', day(7))}.gz.tmp`,
    ]) {
      fs.writeFileSync(at(name), 'foreign\n')
    }
    const nothing = {
      backups: [],
      strayHolds: [],
      temporaries: [],
      privateNumbers: [1],
      strangers: [],
    }
    expect(await open().list()).to.deep.equal(nothing)
  })

  it('counts no file of a stranger in a directory where anybody may make files, but tells of it', async function () {
    if (process.getuid?.() !== 0) {
      console.log('      skipped: only root can give files to others')
      this.skip()
    }
    fs.chmodSync(at(), 0o1777)
    for (const [number, owner] of [
      [1, 0],
      [2, 4711],
      [3, 33],
    ] as const) {
      fs.writeFileSync(at(nameOf(number)), 'x\n')
      fs.chownSync(at(nameOf(number)), owner, owner)
    }
    fs.writeFileSync(at('audit.log'), '')
    fs.chownSync(at('audit.log'), 33, 33)
    const catalogue = open()
    for (let reading = 0; reading < 2; reading++) {
      const { backups, strangers } = await catalogue.list()
      expect(backups.map(({ name }) => name)).to.deep.equal([nameOf(3), nameOf(1)])
      expect(strangers).to.deep.equal([at(nameOf(2))])
    }
    fs.chmodSync(at(), 0o700)
    expect((await open().list()).backups).to.have.length(3)
  })

  it('fails where there is no directory, and works when there is one', async () => {
    const catalogue = new Catalogue(systemDisk, at('later', 'audit.log'))
    expect(await catalogue.list().catch(systemCode)).to.equal('ENOENT')
    fs.outputFileSync(at('later', nameOf(7)), '')
    expect(await daysOf(catalogue)).to.deep.equal([7])
  })

  for (const [kind, disk] of [
    ['that tells kinds of files', systemDisk],
    ['that tells no kinds of files', tellingNothing],
  ] as const) {
    describe(`on a file system ${kind}`, () => {
      it('passes over directories, links and pipes with perfect names', async () => {
        make(1)
        fs.mkdirSync(at(nameOf(2)))
        fs.symlinkSync(at(nameOf(1)), at(nameOf(3)))
        fs.symlinkSync(at('nowhere'), at(nameOf(4)))
        execFileSync('mkfifo', [at(nameOf(5))])
        const catalogue = open(disk)
        expect(await daysOf(catalogue)).to.deep.equal([1])
        expect(await daysOf(catalogue)).to.deep.equal([1])
      })

      it('counts a backup and its archive once, as the backup, from which all can be remade', async () => {
        make(6, 8)
        fs.writeFileSync(at(nameOf(7)), 'one\n')
        fs.writeFileSync(at(`${nameOf(7)}.gz`), '')
        const backups = await list(open(disk))
        expect(backups.map(dayOf)).to.deep.equal([8, 7, 6])
        expect(backups[1]).to.include({ name: nameOf(7), bytes: 4, archived: false })
      })

      for (const [what, impersonate] of [
        ['a directory', (path: string) => fs.mkdirSync(path)],
        ['a link', (path: string) => fs.symlinkSync('nowhere', path)],
        ['a pipe', (path: string) => void execFileSync('mkfifo', [path])],
      ] as const) {
        it(`lists an archive beside ${what} that has its source's name, and the reverse`, async () => {
          impersonate(at(nameOf(7)))
          fs.writeFileSync(at(`${nameOf(7)}.gz`), 'archive')
          impersonate(at(`${nameOf(8)}.gz`))
          make(8)
          const names = (await list(open(disk))).map(({ name }) => name)
          expect(names).to.deep.equal([nameOf(8), `${nameOf(7)}.gz`])
        })

        it(`forgets a backup whose name turns into ${what}, and the reverse`, async () => {
          make(1, 2)
          impersonate(at(nameOf(3)))
          const catalogue = open(disk)
          expect(await daysOf(catalogue)).to.deep.equal([2, 1])
          fs.removeSync(at(nameOf(2)))
          impersonate(at(nameOf(2)))
          fs.removeSync(at(nameOf(3)))
          make(3)
          expect(await daysOf(catalogue)).to.deep.equal([3, 1])
          fs.removeSync(at(nameOf(2)))
          make(2)
          expect(await daysOf(catalogue)).to.deep.equal([3, 2, 1])
        })
      }

      it('follows names that come and go', async () => {
        make(1, 3, 5)
        const catalogue = open(disk)
        expect(await daysOf(catalogue)).to.deep.equal([5, 3, 1])
        fs.removeSync(at(nameOf(3)))
        make(2, 4, 6)
        expect(await daysOf(catalogue)).to.deep.equal([6, 5, 4, 2, 1])
        for (const number of [1, 2, 4, 5, 6]) fs.removeSync(at(nameOf(number)))
        expect(await daysOf(catalogue)).to.deep.equal([])
        make(3)
        expect(await daysOf(catalogue)).to.deep.equal([3])
      })
    })
  }

  it('counts a pair once in whichever order the directory names them', async () => {
    make(7)
    fs.writeFileSync(at(`${nameOf(7)}.gz`), '')
    const pair = [nameOf(7), `${nameOf(7)}.gz`]
    for (const names of [pair, pair.toReversed()]) {
      const backups = await list(open(naming([names])))
      expect(backups.map(({ name }) => name)).to.deep.equal([nameOf(7)])
    }
  })

  it('counts a name once that the directory names twice', async () => {
    make(6, 7)
    const catalogue = open(naming([[nameOf(7), nameOf(6)], [nameOf(7)]]))
    expect(await daysOf(catalogue)).to.deep.equal([7, 6])
    expect(await daysOf(catalogue)).to.deep.equal([7, 6])
  })

  it('follows a backup as it becomes an archive', async () => {
    make(6, 7)
    const catalogue = open()
    await catalogue.list()
    fs.writeFileSync(at(`${nameOf(7)}.gz`), 'archive')
    expect((await list(catalogue)).map(({ archived }) => archived)).to.deep.equal([false, false])
    fs.removeSync(at(nameOf(7)))
    const backups = await list(catalogue)
    expect(backups.map(({ name }) => name)).to.deep.equal([`${nameOf(7)}.gz`, nameOf(6)])
    expect(backups[0]).to.include({ bytes: 7, archived: true })
  })

  it('passes over what vanishes, or is replaced by something else, while it looks', async () => {
    make(6, 7, 8)
    const faulty = new FaultyDisk()
    faulty.before('lstat', () => {
      for (const number of [6, 7]) fs.removeSync(at(nameOf(number)))
      fs.symlinkSync(at(nameOf(8)), at(nameOf(7)))
      faulty.heal('lstat')
    })
    const catalogue = open(faulty.disk)
    expect(await daysOf(catalogue)).to.deep.equal([8])
    fs.removeSync(at(nameOf(7)))
    make(7)
    expect(await daysOf(catalogue)).to.deep.equal([8, 7])
  })

  it('fails where reading the directory fails, and has not learnt the half', async () => {
    make(1, 2, 3)
    const faulty = new FaultyDisk()
    faulty.failAfter('entries', 'EIO', { times: 1 })
    const catalogue = open(faulty.disk)
    expect(await catalogue.list().catch(systemCode)).to.equal('EIO')
    expect(await daysOf(catalogue)).to.deep.equal([3, 2, 1])
    expect(await daysOf(catalogue)).to.deep.equal([3, 2, 1])
  })

  it('fails where a look at a file fails, and has not learnt the half', async () => {
    make(1, 2, 3)
    const faulty = new FaultyDisk()
    let looks = 0
    faulty.before('lstat', () => {
      if (++looks === 2) throw systemError('EIO')
    })
    const catalogue = open(faulty.disk)
    expect(await catalogue.list().catch(systemCode)).to.equal('EIO')
    expect(await daysOf(catalogue)).to.deep.equal([3, 2, 1])
    expect(await daysOf(catalogue)).to.deep.equal([3, 2, 1])
  })

  it('answers by what is there after a reading that failed, not by what it knew before', async () => {
    make(1, 2, 3)
    const faulty = new FaultyDisk()
    const catalogue = open(faulty.disk)
    await catalogue.list()
    fs.appendFileSync(at(nameOf(3)), 'more\n')
    for (const number of [1, 2]) fs.removeSync(at(nameOf(number)))
    faulty.fail('lstat', 'EIO', { times: 1 })
    expect(await catalogue.list().catch(systemCode)).to.equal('EIO')
    expect((await list(catalogue)).map(({ bytes }) => bytes)).to.deep.equal([7])
    fs.removeSync(at(nameOf(3)))
    faulty.fail('entries', 'EIO', { times: 1 })
    expect(await catalogue.list().catch(systemCode)).to.equal('EIO')
    expect(await list(catalogue)).to.deep.equal([])
  })

  it('opens and changes no file', async () => {
    make(7)
    const faulty = new FaultyDisk()
    const catalogue = open(faulty.disk)
    await catalogue.list()
    await catalogue.list()
    expect(new Set(faulty.calls)).to.deep.equal(new Set(['entries', 'stat', 'lstat']))
  })

  it('gives two who ask at once the same, each by a reading of its own', async () => {
    make(1, 2, 3)
    const faulty = new FaultyDisk()
    const catalogue = open(faulty.disk)
    let reading = 0
    let readings = 0
    faulty.before('entries', async () => {
      expect(++reading).to.equal(1)
      readings++
      await new Promise(setImmediate)
    })
    faulty.after('entries', () => reading--)
    const [one, other] = await Promise.all([catalogue.list(), catalogue.list()])
    expect(one.backups.map(dayOf)).to.deep.equal([3, 2, 1])
    expect(other.backups).to.equal(one.backups)
    expect(readings).to.equal(2)
  })

  it('serves who asks after one whose reading failed', async () => {
    make(1)
    const faulty = new FaultyDisk()
    const catalogue = open(faulty.disk)
    faulty.fail('entries', 'EIO', { times: 1 })
    const failed = catalogue.list().catch(systemCode)
    const served = list(catalogue)
    expect(await failed).to.equal('EIO')
    expect((await served).map(dayOf)).to.deep.equal([1])
  })

  describe('asked again', () => {
    it('gives the same objects as long as nothing is new', async () => {
      make(1, 2, 3)
      const catalogue = open()
      const before = await list(catalogue)
      expect(await list(catalogue)).to.equal(before)
      fs.removeSync(at(nameOf(2)))
      make(4)
      const after = await list(catalogue)
      expect(after.slice(1)).to.deep.equal([before[0], before[2]])
      expect(after[1]).to.equal(before[0])
      expect(after[2]).to.equal(before[2])
    })

    it('gives objects and a list that nobody can change', async () => {
      make(1)
      const backups = await list()
      expect(() => Object.assign(backups[0]!, { bytes: 0 })).to.throw(TypeError)
      expect(() => (backups as Backup[]).push(backups[0]!)).to.throw(TypeError)
    })

    it('is not led astray by a time that somebody set', async () => {
      make(1, 2)
      const catalogue = open()
      const meddled = (await list(catalogue))[1]!
      meddled.time.setTime(0)
      const backups = await list(catalogue)
      expect(backups.map(({ time }) => +time)).to.deep.equal([+day(2), +day(1)])
      make(3)
      expect(await daysOf(catalogue)).to.deep.equal([3, 2, 1])
    })

    it('sees that a file has grown', async () => {
      make(1, 2)
      const catalogue = open()
      const before = await list(catalogue)
      fs.appendFileSync(at(nameOf(1)), 'more\n')
      const after = await list(catalogue)
      expect(after.map(({ bytes }) => bytes)).to.deep.equal([2, 7])
      expect(after[0]).to.equal(before[0])
      expect(Object.isFrozen(after[1])).to.equal(true)
    })

    it('looks again at a thousand of more than these, at all of them in turns', async () => {
      const count = LOOKS_AGAIN + 500
      const numbered = (index: number): string => formatBackupName('audit.log', new Date(index))
      for (let index = 0; index < count; index++) fs.writeFileSync(at(numbered(index)), '')
      const faulty = new FaultyDisk()
      const catalogue = open(faulty.disk)
      await catalogue.list()
      for (let index = 0; index < count; index++) fs.writeFileSync(at(numbered(index)), '1')
      faulty.calls.length = 0
      const grown = async (): Promise<number> =>
        (await list(catalogue)).filter(({ bytes }) => bytes === 1).length
      expect(await grown()).to.equal(LOOKS_AGAIN)
      expect(faulty.calls.filter(call => call === 'lstat')).to.have.length(LOOKS_AGAIN)
      expect(await grown()).to.equal(count)
    })
  })

  describe('told of holds', () => {
    const heldBy = async (catalogue: Catalogue = open()): Promise<(string | undefined)[]> =>
      (await list(catalogue)).map(({ held }) => held)

    it('gives the reason that a hold has, for the backup of that name only', async () => {
      make(6, 7, 8)
      fs.writeFileSync(at(`${nameOf(7)}.hold`), '  a lawsuit,\nsince May\n')
      const { backups, strayHolds } = await open().list()
      expect(backups.map(({ held }) => held)).to.deep.equal([
        undefined,
        'a lawsuit,\nsince May',
        undefined,
      ])
      expect(backups[0]).not.to.have.property('held')
      expect(strayHolds).to.deep.equal([])
    })

    for (const [what, held, hold] of [
      ['a backup', nameOf(7), nameOf(7)],
      ['an archive', `${nameOf(7)}.gz`, `${nameOf(7)}.gz`],
      ['a backup that was to be an archive', nameOf(7), `${nameOf(7)}.gz`],
      ['an archive that was held before it was one', `${nameOf(7)}.gz`, nameOf(7)],
    ] as const) {
      it(`holds ${what}`, async () => {
        fs.writeFileSync(at(held), '')
        fs.writeFileSync(at(`${hold}.hold`), 'why\n')
        expect(await open().list()).to.have.property('strayHolds').that.is.empty
        expect(await heldBy()).to.deep.equal(['why'])
      })
    }

    it('holds a pair by either name', async () => {
      for (const hold of [nameOf(7), `${nameOf(7)}.gz`]) {
        make(7)
        fs.writeFileSync(at(`${nameOf(7)}.gz`), '')
        fs.writeFileSync(at(`${hold}.hold`), 'why\n')
        expect(await heldBy()).to.deep.equal(['why'])
        fs.emptyDirSync(at())
      }
    })

    for (const [what, makeHold, why] of [
      ['an empty file', (path: string) => fs.writeFileSync(path, ''), 'no reason given'],
      ['a blank file', (path: string) => fs.writeFileSync(path, ' \n\n'), 'no reason given'],
      ['a directory', (path: string) => fs.mkdirSync(path), /cannot be read \(EISDIR\)/],
      ['a link', (path: string) => fs.symlinkSync('nowhere', path), /cannot be read \(ELOOP\)/],
      ['a pipe', (path: string) => void execFileSync('mkfifo', [path]), /cannot be read/],
    ] as const) {
      it(`takes ${what} for a hold`, async () => {
        make(7)
        makeHold(at(`${nameOf(7)}.hold`))
        const [held] = await heldBy()
        if (typeof why === 'string') expect(held).to.equal(why)
        else expect(held).to.match(why)
      })
    }

    it('takes a hold that cannot be read for one', async () => {
      make(7)
      fs.writeFileSync(at(`${nameOf(7)}.hold`), 'why\n')
      const faulty = new FaultyDisk()
      faulty.fail('openToRead', 'EACCES')
      expect((await heldBy(open(faulty.disk)))[0]).to.include('EACCES')
    })

    it('follows a hold that comes, changes its reason and goes, by new objects', async () => {
      make(7, 8)
      const catalogue = open()
      const free = await list(catalogue)
      fs.writeFileSync(at(`${nameOf(7)}.hold`), 'one\n')
      const held = await list(catalogue)
      expect(held.map(backup => backup.held)).to.deep.equal([undefined, 'one'])
      expect(held[0]).to.equal(free[0])
      expect(Object.isFrozen(held[1])).to.equal(true)
      expect(await list(catalogue)).to.equal(held)
      fs.writeFileSync(at(`${nameOf(7)}.hold`), 'another\n')
      expect(await heldBy(catalogue)).to.deep.equal([undefined, 'another'])
      fs.removeSync(at(`${nameOf(7)}.hold`))
      expect(await list(catalogue)).to.deep.equal(free)
      expect(free[1]).not.to.have.property('held')
    })

    it('keeps a hold while its backup becomes an archive', async () => {
      make(7)
      fs.writeFileSync(at(`${nameOf(7)}.hold`), 'why\n')
      const catalogue = open()
      await catalogue.list()
      fs.writeFileSync(at(`${nameOf(7)}.gz`), '')
      expect(await heldBy(catalogue)).to.deep.equal(['why'])
      fs.removeSync(at(nameOf(7)))
      expect(await heldBy(catalogue)).to.deep.equal(['why'])
    })

    it('keeps the size of a backup whose hold changes', async () => {
      make(7)
      const catalogue = open()
      await catalogue.list()
      fs.writeFileSync(at(`${nameOf(7)}.hold`), '')
      expect((await list(catalogue))[0]).to.include({ bytes: 2, archived: false })
      fs.appendFileSync(at(nameOf(7)), 'more\n')
      expect((await list(catalogue))[0]).to.include({ bytes: 7, held: 'no reason given' })
    })

    it('tells of holds of backups that are not there', async () => {
      make(8)
      fs.writeFileSync(at(`${nameOf(6)}.gz.hold`), '')
      fs.writeFileSync(at(`${nameOf(7)}.hold`), '')
      fs.mkdirSync(at(nameOf(7)))
      const { strayHolds } = await open().list()
      const expected = [at(`${nameOf(6)}.gz.hold`), at(`${nameOf(7)}.hold`)]
      expect(strayHolds).to.have.members(expected).and.to.have.length(2)
    })
  })

  describe('of a directory that changes while it is read', () => {
    /** The machine's disk, where a reading does not show some of the names. */
    const blindTo = (...names: string[]): Disk => ({
      ...systemDisk,
      async *entries(directory) {
        for await (const entries of systemDisk.entries(directory)) {
          yield entries.filter(({ name }) => !names.includes(name))
        }
      },
    })

    it('finds a backup that has become an archive, though it was shown under neither name', async () => {
      make(7, 8)
      const archive = `${nameOf(7)}.gz`
      const hidden: string[] = []
      const disk: Disk = { ...systemDisk, entries: path => blindTo(...hidden).entries(path) }
      const catalogue = new Catalogue(disk, at('audit.log'))
      expect((await catalogue.list()).backups).to.have.length(2)
      fs.renameSync(at(nameOf(7)), at(archive))
      hidden.push(archive)
      const { backups } = await catalogue.list()
      expect(backups.map(({ name }) => name)).to.deep.equal([nameOf(8), archive])
    })

    it('takes no hold for one of nothing because its backup was not shown', async () => {
      make(7)
      fs.writeFileSync(at(`${nameOf(7)}.gz.hold`), '')
      const catalogue = new Catalogue(blindTo(nameOf(7)), at('audit.log'))
      expect((await catalogue.list()).strayHolds).to.deep.equal([])
    })
  })

  it('tells of archives in the making, and of no other temporary file', async () => {
    make(7)
    fs.writeFileSync(at(`.${nameOf(7)}.gz.tmp`), '')
    fs.writeFileSync(at(`.${nameOf(6)}.gz.tmp`), '')
    fs.writeFileSync(at(`.${nameOf(6)}.gz.gz.tmp`), '')
    fs.writeFileSync(at(`.${nameOf(6)}.tmp`), '')
    fs.writeFileSync(at('.other.gz.tmp'), '')
    const { backups, temporaries } = await open().list()
    const expected = [at(`.${nameOf(6)}.gz.tmp`), at(`.${nameOf(7)}.gz.tmp`)]
    expect(temporaries).to.have.members(expected).and.to.have.length(2)
    expect(backups.map(dayOf)).to.deep.equal([7])
  })

  for (const active of [
    'audit',
    '.audit',
    'audit.gz',
    'audit.tar.gz',
    '.gz',
    'audit.hold',
    'audit.tmp',
    '.tmp',
  ]) {
    it(`tells backups, archives, holds and temporary files of ${active} apart`, async () => {
      const plain = (number: number): string => formatBackupName(active, day(number))
      const names = [plain(1), `${plain(2)}.gz`, plain(3), `${plain(3)}.gz`]
      for (const name of [...names, `${plain(1)}.hold`, `${plain(2)}.hold`]) {
        fs.writeFileSync(at(name), name)
      }
      fs.writeFileSync(at(`.${plain(1)}.gz.tmp`), '')
      fs.writeFileSync(at(`${plain(4)}.gz.hold`), '')
      const { backups, ...rest } = await new Catalogue(systemDisk, at(active)).list()
      expect(backups.map(({ name, held }) => [name, held])).to.deep.equal([
        [plain(3), undefined],
        [`${plain(2)}.gz`, `${plain(2)}.hold`],
        [plain(1), `${plain(1)}.hold`],
      ])
      expect(backups.map(({ archived }) => archived)).to.deep.equal([false, true, false])
      expect(rest.strayHolds).to.deep.equal([at(`${plain(4)}.gz.hold`)])
      expect(rest.temporaries).to.deep.equal([at(`.${plain(1)}.gz.tmp`)])
    })
  }

  it('answers after any changes as one that reads for the first time', async () => {
    const name = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.constantFrom('', '.gz'))
    const change = fc.oneof(
      fc.record({ do: fc.constantFrom('write', 'remove', 'link', 'folder', 'hold', 'free'), name }),
      fc.record({ do: fc.constantFrom('list', 'fail', 'meddle'), name }),
    )
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 25 }), async changes => {
        const folder = at(String(runs++))
        fs.mkdirSync(folder)
        const path = join(folder, 'audit.log')
        const faulty = new FaultyDisk()
        const catalogue = new Catalogue(faulty.disk, path)
        const check = async (): Promise<void> => {
          const [one, other] = [
            await catalogue.list(),
            await new Catalogue(systemDisk, path).list(),
          ]
          expect(one.backups).to.deep.equal(other.backups)
          expect(one.strayHolds.toSorted()).to.deep.equal(other.strayHolds.toSorted())
        }
        let bytes = 0
        for (const {
          do: what,
          name: [number, ending],
        } of changes) {
          const file = join(folder, nameOf(number) + ending)
          if (what === 'hold') fs.writeFileSync(`${file}.hold`, 'why\n')
          if (what === 'free') fs.removeSync(`${file}.hold`)
          if (['write', 'remove', 'link', 'folder'].includes(what)) fs.removeSync(file)
          if (what === 'write') fs.writeFileSync(file, 'x'.repeat(++bytes))
          if (what === 'link') fs.symlinkSync('nowhere', file)
          if (what === 'folder') fs.mkdirSync(file)
          if (what === 'meddle') (await catalogue.list()).backups[0]?.time.setTime(0)
          if (what === 'list') await check()
          if (what === 'fail') {
            faulty.fail(number % 2 === 0 ? 'entries' : 'lstat', 'EIO', { times: 1 })
            await catalogue.list().catch(() => undefined)
            faulty.heal()
          }
        }
        await check()
      }),
      { numRuns: 150 },
    )
  })

  it('lets others have their turn at each step of its work, where each takes long', async () => {
    const days = Array.from({ length: 30 }, (_, index) => index + 1)
    make(...days)
    for (const number of days) fs.writeFileSync(at(`${nameOf(number)}.hold`), '')
    const catalogue = open()
    const { setImmediate: later } = globalThis
    const now = performance.now.bind(performance)
    let nowMs = now()
    let turns = 0
    performance.now = () => (nowMs += 10)
    globalThis.setImmediate = mistyped((callback: () => void) => {
      turns++
      return later(callback)
    })
    try {
      await catalogue.list()
      // Names of backups and holds, then files, merging, holds, and the list itself; but for the
      // first few, when it is not known yet how long each takes.
      expect(turns).to.be.at.least(60 + 30 + 30 + 30 + 30 - 7)
      turns = 0
      await catalogue.list()
      // Names, looks again, what is gone, and holds.
      expect(turns).to.be.at.least(60 + 30 + 30 + 30 - 7)
    } finally {
      globalThis.setImmediate = later
      performance.now = now
    }
  })

  it('lists 20,000 backups, right from the start and again, while others have many turns', async function () {
    this.timeout(60_000)
    const count = 20_000
    const timeOf = (index: number): Date => new Date(index * 1009)
    const first = at(formatBackupName('audit.log', timeOf(0)))
    fs.writeFileSync(first, '')
    for (let index = 1; index < count; index++) {
      fs.linkSync(first, at(formatBackupName('audit.log', timeOf(index))))
    }
    for (let index = 0; index < 100; index++) {
      const name = formatBackupName('audit.log', timeOf(index * 200))
      fs.writeFileSync(at(`${name}.hold`), 'why\n')
    }
    let status: 'counting' | 'over' = 'counting'
    let turns = 0
    const takeTurns = (): void => {
      turns++
      if (status === 'counting') setImmediate(takeTurns)
    }
    takeTurns()
    const catalogue = open()
    const backups = await list(catalogue)
    const atFirst = turns
    const again = await list(catalogue)
    const later = turns - atFirst
    status = 'over'
    expect(backups).to.have.length(count)
    expect(backups.every(({ time }, index) => +time === (count - 1 - index) * 1009)).to.equal(true)
    expect(backups.filter(({ held }) => held === 'why')).to.have.length(100)
    expect(again).to.equal(backups)
    // Looks at 20,000 files take 20 ms and more on any machine, of which nobody waits more than 1.
    expect(atFirst).to.be.at.least(20)
    expect(later).to.be.at.least(5)
  })
})

describe('listBackups', () => {
  const at = temporaryDirectory()

  it('lists once what a catalogue lists again and again', async () => {
    fs.writeFileSync(at(nameOf(7)), '')
    fs.writeFileSync(at(`${nameOf(7)}.hold`), 'why\n')
    const backups = await listBackups(systemDisk, at('audit.log'))
    expect(backups.map(({ name, held }) => ({ name, held }))).to.deep.equal([
      { name: nameOf(7), held: 'why' },
    ])
  })
})
