import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import fs from 'fs-extra'
import { archivePath, listBackups, newestBackupTime, plainBackup } from '../../lib/backup/backup.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const day = (number: number): Date => new Date(Date.UTC(2016, 8, number, 13, 3, 57, 400))
const nameOf = (number: number): string => formatBackupName('audit.log', day(number))

/** The machine's disk, on a file system that does not tell what kind of file a name is. */
const tellingNothing: Disk = {
  ...systemDisk,
  async *entries(directory) {
    for await (const { name } of systemDisk.entries(directory)) yield { name, regular: undefined }
  },
}

describe('listBackups', () => {
  const at = temporaryDirectory()
  const list = (disk: Disk = systemDisk) => listBackups(disk, at('audit.log'))
  const daysListed = async (disk?: Disk): Promise<number[]> =>
    (await list(disk)).map(({ time }) => time.getUTCDate())

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
      fs.writeFileSync(at(nameOf(number)), '')
      const touched = new Date(Date.UTC(2020 - index, 1))
      fs.utimesSync(at(nameOf(number)), touched, touched)
    }
    expect(await daysListed()).to.deep.equal([9, 6, 5, 4, 3, 2, 1])
  })

  it('lists a file that cannot be read', async () => {
    fs.writeFileSync(at(nameOf(7)), 'secret\n', { mode: 0o000 })
    expect(await daysListed()).to.deep.equal([7])
  })

  it('lists all of more than it looks at between two turns', async () => {
    for (let index = 0; index < 700; index++) {
      fs.writeFileSync(at(formatBackupName('audit.log', new Date(index))), '')
    }
    const times = (await list()).map(({ time }) => time.getTime())
    expect(times).to.deep.equal(Array.from({ length: 700 }, (_, index) => 699 - index))
  })

  it('is empty where there is no backup', async () => {
    fs.writeFileSync(at('audit.log'), 'one\n')
    fs.writeFileSync(at('.audit.log.rotating'), 'two\n')
    fs.writeFileSync(at('audit.log.foo'), '')
    expect(await list()).to.deep.equal([])
  })

  it('fails where there is no directory', async () => {
    const error: unknown = await listBackups(systemDisk, at('nowhere', 'audit.log')).catch(
      (cause: unknown) => cause,
    )
    expect(error).to.have.property('code', 'ENOENT')
  })

  for (const [kind, disk] of [
    ['that tells kinds of files', systemDisk],
    ['that tells no kinds of files', tellingNothing],
  ] as const) {
    describe(`on a file system ${kind}`, () => {
      it('passes over directories, links and pipes with perfect names', async () => {
        fs.writeFileSync(at(nameOf(1)), '')
        fs.mkdirSync(at(nameOf(2)))
        fs.symlinkSync(at(nameOf(1)), at(nameOf(3)))
        fs.symlinkSync(at('nowhere'), at(nameOf(4)))
        execFileSync('mkfifo', [at(nameOf(5))])
        expect(await daysListed(disk)).to.deep.equal([1])
      })

      it('counts a backup and its archive once, as the backup, from which all can be remade', async () => {
        fs.writeFileSync(at(nameOf(7)), 'one\n')
        fs.writeFileSync(at(`${nameOf(7)}.gz`), '')
        const [pair, ...rest] = await list(disk)
        expect(pair).to.include({ name: nameOf(7), bytes: 4, archived: false })
        expect(rest).to.deep.equal([])
      })

      for (const [what, make] of [
        ['a directory', (path: string) => fs.mkdirSync(path)],
        ['a link', (path: string) => fs.symlinkSync('nowhere', path)],
        ['a pipe', (path: string) => void execFileSync('mkfifo', [path])],
      ] as const) {
        it(`lists an archive beside ${what} that has its source's name, and the reverse`, async () => {
          make(at(nameOf(7)))
          fs.writeFileSync(at(`${nameOf(7)}.gz`), 'archive')
          make(at(`${nameOf(8)}.gz`))
          fs.writeFileSync(at(nameOf(8)), 'plain\n')
          expect((await list(disk)).map(({ name }) => name)).to.deep.equal([
            nameOf(8),
            `${nameOf(7)}.gz`,
          ])
        })
      }
    })
  }

  it('counts a pair once in whichever order the directory names them', async () => {
    fs.writeFileSync(at(nameOf(7)), 'one\n')
    fs.writeFileSync(at(`${nameOf(7)}.gz`), '')
    for (const names of [
      [nameOf(7), `${nameOf(7)}.gz`],
      [`${nameOf(7)}.gz`, nameOf(7)],
    ]) {
      const disk: Disk = {
        ...systemDisk,
        async *entries() {
          for (const name of names) yield { name, regular: true }
        },
      }
      expect((await list(disk)).map(({ name }) => name)).to.deep.equal([nameOf(7)])
    }
  })

  it('passes over what vanishes, or is replaced by something else, while it looks', async () => {
    for (const number of [6, 7, 8]) fs.writeFileSync(at(nameOf(number)), '')
    const faulty = new FaultyDisk()
    faulty.before('lstat', () => {
      for (const number of [6, 7]) fs.removeSync(at(nameOf(number)))
      fs.symlinkSync(at(nameOf(8)), at(nameOf(7)))
    })
    expect(await daysListed(faulty.disk)).to.deep.equal([8])
  })

  it('opens and changes no file', async () => {
    fs.writeFileSync(at(nameOf(7)), '')
    const faulty = new FaultyDisk()
    await list(faulty.disk)
    expect(new Set(faulty.calls)).to.deep.equal(new Set(['entries', 'lstat']))
  })
})

describe('plainBackup', () => {
  it('is the backup of one time, beside the active file', () => {
    expect(plainBackup('/logs/audit.log', day(7), 12)).to.deep.equal({
      path: `/logs/${nameOf(7)}`,
      name: nameOf(7),
      time: day(7),
      bytes: 12,
      archived: false,
    })
  })
})

describe('archivePath', () => {
  it('adds .gz to the path of a backup, and leaves the path of an archive', () => {
    const backup = plainBackup('/logs/audit.log', day(7), 12)
    const path = `/logs/${nameOf(7)}.gz`
    expect(archivePath(backup)).to.equal(path)
    expect(archivePath({ path, archived: true })).to.equal(path)
  })
})

describe('newestBackupTime', () => {
  const at = temporaryDirectory()
  const newest = (): number | undefined => newestBackupTime(systemDisk, at('audit.log'))

  it('is undefined where there is no backup', () => {
    fs.writeFileSync(at('audit.log'), '')
    fs.writeFileSync(at(formatBackupName('other.log', day(7))), '')
    expect(newest()).to.equal(undefined)
  })

  it('is the latest time of all names, archives among them', () => {
    for (const name of [nameOf(3), `${nameOf(9)}.gz`, nameOf(5)]) fs.writeFileSync(at(name), '')
    expect(newest()).to.equal(day(9).getTime())
  })

  it('knows times before 1970 and in the year 0', () => {
    const time = new Date('0000-01-01T00:00:00.000Z')
    fs.writeFileSync(at(formatBackupName('audit.log', time)), '')
    expect(newest()).to.equal(time.getTime())
  })
})
