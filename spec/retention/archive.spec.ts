import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import type { Backup } from '../../lib/backup/backup.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { Archive } from '../../lib/retention/archive.js'
import { archivable, readBackup } from '../support/archives.js'
import { FaultyDisk, systemError, type DiskCall } from '../support/faulty-disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const isRoot = process.getuid?.() === 0

/** The calls that one backup takes, in their order. */
const HAPPY_CALLS: readonly DiskCall[] = [
  'lstat',
  'openToRead',
  'fstat',
  'lstat',
  'lstat',
  'lstat',
  'create',
  'fstat',
  'readLater',
  'writeLater',
  'writeLater',
  'datasync',
  'fstat',
  'close',
  'lstat',
  'lstat',
  'lstat',
  'rename',
  'close',
  'syncDirectory',
  'lstat',
  'lstat',
  'remove',
]

describe('Archive', () => {
  const at = temporaryDirectory()
  let clock: ManualClock
  let faulty: FaultyDisk
  let archived: Backup[]
  let warnings: RollkeeperError[]
  let due: number
  let archive: Archive
  beforeEach(() => {
    clock = new ManualClock('2016-09-20T00:00:00.000Z')
    archived = []
    warnings = []
    due = 0
    use(systemDisk)
  })
  afterEach(() => expect(openFiles()).to.deep.equal([]))

  const path = (): string => at('audit.log')
  const nameOf = (day: number): string =>
    formatBackupName('audit.log', new Date(Date.UTC(2016, 8, day)))
  const plain = (day: number): string => at(nameOf(day))
  const gz = (day: number): string => `${plain(day)}.gz`
  const temporary = (day: number): string => at(`.${nameOf(day)}.gz.tmp`)
  const list = (): Backup[] => archivable(path())
  const names = (): string[] => fs.readdirSync(at()).sort()
  const reasons = (): string[] => warnings.map(({ message }) => message)
  const run = (): Promise<'done' | 'more'> => archive.run(list())

  /** Files of the directory that are open, where the system tells. */
  const openFiles = (): string[] => {
    if (!fs.existsSync('/proc/self/fd')) return []
    const files = fs.readdirSync('/proc/self/fd').map(fd => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return '' // the one that read the directory
      }
    })
    return files.filter(file => file.startsWith(at()))
  }

  /** A step over this disk, that knows nothing yet. */
  const use = (disk: Disk, isBusy = (): boolean => false): void => {
    faulty = new FaultyDisk(disk)
    archive = new Archive({ disk: faulty.disk, clock }, 6, {
      archived: backup => archived.push(backup),
      warn: error => warnings.push(error),
      due: () => due++,
      isBusy,
    })
  }

  /** Backups of days of September 2016. */
  const make = (...days: number[]): void => {
    for (const day of days) fs.writeFileSync(plain(day), textOf(day), { mode: 0o600 })
  }
  const textOf = (day: number): string => `record of day ${day}\n`.repeat(1000)
  const expectKept = (...days: number[]): void => {
    for (const day of days) expect(String(readBackup(plain(day)))).to.equal(textOf(day))
  }
  const expectArchived = (...days: number[]): void => {
    expect(names()).to.deep.equal(days.map(day => `${nameOf(day)}.gz`))
    expectKept(...days)
  }

  /** How many turns the event loop takes meanwhile. */
  const turnsWhile = async (work: () => Promise<unknown>): Promise<number> => {
    let turns = 0
    let counting = setImmediate(function count() {
      turns++
      counting = setImmediate(count)
    })
    await work()
    clearImmediate(counting)
    return turns
  }

  /** Puts code before the n-th of some calls of each kind. */
  const beforeCall = (call: DiskCall, n: number, code: () => void): void => {
    let left = n
    faulty.before(call, () => {
      if (--left === 0) code()
    })
  }

  it('makes archives of backups, newest first, that gzip can read, and tells of each', async () => {
    make(1, 2, 3)
    const held = list().map(backup => ({ ...backup, held: 'because' }))
    expect(await archive.run(held)).to.equal('done')
    expectArchived(1, 2, 3)
    for (const day of [1, 2, 3]) {
      execFileSync('gzip', ['--test', gz(day)])
      expect(execFileSync('zcat', [gz(day)], { encoding: 'utf8' })).to.equal(textOf(day))
    }
    const told = list().map(backup => ({ ...backup, held: 'because' }))
    expect(archived).to.deep.equal(told)
    expect(told.map(({ bytes }) => bytes)).to.deep.equal(
      [3, 2, 1].map(day => fs.statSync(gz(day)).size),
    )
    expect({ warnings, waiting: clock.waiting }).to.deep.equal({ warnings: [], waiting: 0 })
  })

  it('takes the steps of one backup in their order, the source going last', async () => {
    make(1)
    await run()
    expect(faulty.calls).to.deep.equal(HAPPY_CALLS)
  })

  it('makes archives of an empty backup, and of bytes that do not compress', async () => {
    const bytes = randomBytes(1_000_000)
    fs.writeFileSync(plain(1), '')
    fs.writeFileSync(plain(2), bytes)
    await run()
    expect(readBackup(gz(1).slice(0, -3))).to.have.length(0)
    expect(readBackup(plain(2)).equals(bytes)).to.equal(true)
    expect(names()).to.deep.equal([1, 2].map(day => `${nameOf(day)}.gz`))
  })

  it('carries mode and owner over, and lets nobody else read it on the way', async () => {
    const owner = isRoot ? 65_534 : process.getuid!()
    const seen: number[] = []
    const create: Disk['create'] = (file, permissions) => {
      const fd = systemDisk.create(file, permissions)
      seen.push(fs.statSync(file).mode & 0o777)
      return fd
    }
    const look = (): void => {
      if (fs.existsSync(temporary(1))) seen.push(fs.statSync(temporary(1)).mode & 0o777)
    }
    use({ ...systemDisk, create })
    for (const call of new Set(HAPPY_CALLS)) faulty.before(call, look)
    const umask = process.umask(0)
    try {
      for (const mode of [0o640, 0o600, 0o440]) {
        make(1)
        fs.chownSync(plain(1), owner, process.getgid!())
        fs.chmodSync(plain(1), mode)
        seen.length = 0
        await run()
        expect(fs.statSync(gz(1))).to.include({ uid: owner, gid: process.getgid!() })
        expect(fs.statSync(gz(1)).mode & 0o7777).to.equal(mode)
        expect(seen).to.have.length.above(5)
        expect(seen.every(bits => bits === mode)).to.equal(true)
        expectArchived(1)
        fs.removeSync(gz(1))
      }
    } finally {
      process.umask(umask)
    }
  })

  it('leaves the active file, strangers and archives alone', async () => {
    fs.writeFileSync(path(), 'active\n')
    fs.writeFileSync(at('audit.log.1'), 'foreign\n')
    fs.writeFileSync(gz(1), gzipSync('old\n'))
    const before = names().map(name => fs.readFileSync(at(name)))
    await run()
    expect(names().map(name => fs.readFileSync(at(name)))).to.deep.equal(before)
    expect(warnings).to.deep.equal([])
  })

  it('passes over a backup whose rotation has not ended, says nothing, and is due again', async () => {
    make(1, 2)
    const busy = fs.statSync(plain(2)).ino
    use(systemDisk)
    archive = new Archive({ disk: faulty.disk, clock }, 6, {
      archived: backup => archived.push(backup),
      warn: error => warnings.push(error),
      due: () => due++,
      isBusy: ({ ino }) => ino === busy,
    })
    expect(await run()).to.equal('done')
    expect(names()).to.deep.equal([`${nameOf(1)}.gz`, nameOf(2)])
    expect(warnings).to.deep.equal([])
    clock.pass(60_000)
    expect(due).to.equal(1)
  })

  describe('with much to do', () => {
    const MIB = 1024 * 1024
    const big = (day: number, mib: number): void => {
      fs.writeFileSync(plain(day), '')
      fs.truncateSync(plain(day), mib * MIB)
    }

    it('stops after 64 MiB, not before the first backup, and goes on in the next run', async () => {
      for (const day of [1, 2, 3, 4]) big(day, 33)
      big(5, 70)
      for (const left of [
        [1, 2, 3, 4],
        [1, 2],
      ]) {
        expect(await run()).to.equal('more')
        expect(list().filter(backup => !backup.archived)).to.have.length(left.length)
        for (const day of left) expect(fs.existsSync(plain(day))).to.equal(true)
      }
      expect(await run()).to.equal('done')
      expect(archived.map(({ time }) => time.getUTCDate())).to.deep.equal([5, 4, 3, 2, 1])
    })

    it('stops after some hundred small ones, which take their time too', async () => {
      for (let i = 0; i < 300; i++)
        fs.writeFileSync(at(nameOf(1).replace('000.log', `${100 + i}.log`)), 'x\n')
      expect(await run()).to.equal('more')
      expect(archived).to.have.length(256)
      expect(await run()).to.equal('done')
      expect(archived).to.have.length(300)
    })

    it('does not take one that fails, or has to wait, for a reason to go on at once', async () => {
      for (const day of [1, 2, 3]) big(day, 65)
      const wait = new Set([fs.statSync(plain(3)).ino])
      archive = new Archive({ disk: faulty.disk, clock }, 6, {
        archived: backup => archived.push(backup),
        warn: error => warnings.push(error),
        due: () => due++,
        isBusy: ({ ino }) => wait.has(ino as number),
      })
      let fails = true
      faulty.before('datasync', () => {
        if (fails) throw systemError('EIO')
      })
      expect(await run()).to.equal('more') // 2 has failed, 1 was not tried
      expect(await run()).to.equal('done') // 1 has failed, 2 not tried again: that was a second
      expect(archived).to.deep.equal([])
      expect(warnings.map(warning => warning.path)).to.deep.equal([plain(2), plain(1)])
      fails = false
      expect(await run()).to.equal('done')
      expect(archived.map(({ path: file }) => file)).to.deep.equal([gz(2)])
      expect(await run()).to.equal('done')
      expect(archived.map(({ path: file }) => file)).to.deep.equal([gz(2), gz(1)])
    })

    it('lets others work after every piece', async () => {
      fs.writeFileSync(plain(1), Buffer.alloc(16 * MIB, textOf(1)))
      const turns = await turnsWhile(run)
      expect(turns).to.be.greaterThan(64 * 2)
    })
  })

  describe('where something stands already', () => {
    it('removes whatever was left at the temporary path, without following a link', async () => {
      const plant: Record<number, () => void> = {
        1: () => fs.writeFileSync(temporary(1), 'left over'),
        2: () => fs.symlinkSync(at('precious'), temporary(2)),
        3: () => fs.symlinkSync('nowhere', temporary(3)),
        4: () => execFileSync('mkfifo', [temporary(4)]),
      }
      fs.writeFileSync(at('precious'), 'precious', { mode: 0o666 })
      for (const [day, put] of Object.entries(plant)) {
        make(Number(day))
        put()
      }
      await run()
      expect(fs.readFileSync(at('precious'), 'utf8')).to.equal('precious')
      fs.removeSync(at('precious'))
      expectArchived(1, 2, 3, 4)
      expect(warnings).to.deep.equal([])
    })

    it('warns of a directory at the temporary path, and does the others', async () => {
      make(1, 2)
      fs.mkdirSync(temporary(2))
      await run()
      expect(names()).to.deep.equal([`.${nameOf(2)}.gz.tmp`, `${nameOf(1)}.gz`, nameOf(2)])
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_ARCHIVE', path: plain(2) })
      expect(reasons()[0]).to.include(temporary(2))
      expectKept(1, 2)
    })

    for (const [what, plant] of [
      ['directory', (file: string) => fs.mkdirSync(file)],
      ['link', (file: string) => fs.symlinkSync(at('precious'), file)],
    ] as const) {
      it(`warns of a ${what} at the archive's path, and does the others`, async () => {
        make(1, 2)
        fs.writeFileSync(at('precious'), 'precious')
        plant(gz(2))
        await run()
        expect(names()).to.include.members([`${nameOf(1)}.gz`, nameOf(2)])
        expect(fs.readFileSync(at('precious'), 'utf8')).to.equal('precious')
        expect(reasons()).to.have.length(1)
        expect(reasons()[0]).to.include(gz(2))
        expectKept(1, 2)
      })
    }

    it('remakes a half-made archive', async () => {
      make(1, 2, 3, 4)
      fs.writeFileSync(gz(1), '')
      fs.writeFileSync(gz(2), gzipSync(textOf(2)).subarray(0, 50))
      fs.writeFileSync(gz(3), 'no gzip')
      fs.writeFileSync(gz(4), gzipSync(textOf(4).slice(0, 100)))
      await run()
      expectArchived(1, 2, 3, 4)
      expect(archived).to.have.length(4)
    })

    it('finishes an archive that is whole, without making it again', async () => {
      make(1)
      fs.writeFileSync(gz(1), gzipSync(textOf(1)), { mode: 0o600 })
      const { ino } = fs.statSync(gz(1))
      await run()
      expectArchived(1)
      expect(fs.statSync(gz(1)).ino).to.equal(ino)
      expect(archived[0]).to.include({ bytes: fs.statSync(gz(1)).size, path: gz(1) })
      const [sync, remove] = ['syncDirectory', 'remove'].map(call =>
        faulty.calls.indexOf(call as DiskCall),
      )
      expect(sync).to.be.above(faulty.calls.indexOf('datasync')).and.below(remove!)
    })

    it('makes it again all the same where others could read it, unlike its source', async () => {
      make(1)
      fs.writeFileSync(gz(1), gzipSync(textOf(1)))
      fs.chmodSync(gz(1), 0o644)
      await run()
      expectArchived(1)
      expect(fs.statSync(gz(1)).mode & 0o777).to.equal(0o600)
    })

    it('keeps both where the archive holds what its source does not', async () => {
      make(1, 2)
      fs.writeFileSync(gz(1), gzipSync(`${textOf(1)}more\n`)) // such as `gunzip --keep`, killed
      await run()
      expect(names()).to.deep.equal([nameOf(1), `${nameOf(1)}.gz`, `${nameOf(2)}.gz`])
      expect(reasons()).to.have.length(1)
      expect(reasons()[0]).to.match(/holds something else/)
      expect(String(gunzipSync(fs.readFileSync(gz(1))))).to.equal(`${textOf(1)}more\n`)
    })

    it('does not replace an archive that comes while it works', async () => {
      make(1)
      faulty.before('datasync', () => fs.writeFileSync(gz(1), 'foreign'))
      await run()
      expect(fs.readFileSync(gz(1), 'utf8')).to.equal('foreign')
      expect(names()).to.deep.equal([nameOf(1), `${nameOf(1)}.gz`])
      expect(reasons()[0]).to.match(/came in between/)
    })

    it('neither renames nor removes what took the place of its temporary file', async () => {
      make(1)
      faulty.before('datasync', () => {
        fs.removeSync(temporary(1))
        fs.writeFileSync(temporary(1), 'foreign')
      })
      await run()
      expect(names()).to.deep.equal([`.${nameOf(1)}.gz.tmp`, nameOf(1)])
      expect(fs.readFileSync(temporary(1), 'utf8')).to.equal('foreign')
      faulty.heal()
      await run()
      expectArchived(1)
    })
  })

  describe('when a backup goes wrong', () => {
    it('warns of one that vanished before its turn or while it is read; the rest goes on', async () => {
      make(1, 2, 3)
      const backups = list()
      fs.removeSync(plain(3))
      beforeCall('readLater', 1, () => fs.removeSync(plain(2)))
      expect(await archive.run(backups)).to.equal('done')
      expectArchived(1)
      expect(warnings.map(warning => warning.path)).to.deep.equal([plain(3), plain(2)])
      expect(reasons().every(reason => reason.includes('vanished'))).to.equal(true)
      expect(clock.waiting).to.equal(0)
    })

    for (const [what, put] of [
      ['a directory', () => fs.mkdirSync(plain(2))],
      ['a link', () => fs.symlinkSync(plain(1), plain(2))],
      ['a pipe', () => execFileSync('mkfifo', [plain(2)])],
      ['another file', () => fs.writeFileSync(plain(2), textOf(2))],
    ] as const) {
      const calls: DiskCall[] = [
        'openToRead',
        'fstat',
        'readLater',
        'datasync',
        'syncDirectory',
        'close',
      ]
      for (const when of [undefined, ...calls]) {
        if (what === 'another file' && (!when || when === 'openToRead')) continue // it is as good
        it(`removes no ${what} that takes its place, ${when ? `before ${when}` : 'when listed'}`, async () => {
          make(1, 2)
          const backups = list()
          const replace = (): void => {
            fs.moveSync(plain(2), at('moved'))
            put()
          }
          if (when === undefined) replace()
          else beforeCall(when, 1, replace)
          await archive.run(backups)
          expect(fs.existsSync(plain(1)), 'the other one').to.equal(false)
          expect(fs.lstatSync(plain(2), { throwIfNoEntry: false })).not.to.equal(undefined)
          expect(fs.readFileSync(at('moved'), 'utf8')).to.equal(textOf(2))
          expect(warnings.map(warning => warning.path)).to.deep.equal([plain(2)])
          expect(fs.existsSync(temporary(2))).to.equal(false)
          if (!when) expect(faulty.calls.filter(call => call === 'openToRead')).to.have.length(1)
        })
      }
    }

    for (const when of ['readLater', 'datasync', 'syncDirectory'] as const) {
      for (const [how, change] of [
        ['grows', () => fs.appendFileSync(plain(2), 'late\n')],
        ['shrinks', () => fs.truncateSync(plain(2), 10)],
      ] as const) {
        it(`keeps one that ${how} before ${when}, and archives it as it is then`, async () => {
          make(1, 2)
          beforeCall(when, 1, change)
          await run()
          const left = fs.readFileSync(plain(2))
          expect(warnings.map(warning => warning.path)).to.deep.equal([plain(2)])
          expect(reasons()[0]).to.match(/size|shorter/)
          expect(fs.existsSync(plain(1)), 'the other one').to.equal(false)
          expect(fs.existsSync(temporary(2))).to.equal(false)
          faulty.heal()
          await run()
          if (fs.existsSync(plain(2))) expect(reasons()[1]).to.match(/something else/)
          else expect(readBackup(plain(2)).equals(left)).to.equal(true)
        })
      }
    }

    it('warns once for each reason until it succeeds, and tries again in every run', async () => {
      make(1)
      for (const code of ['EIO', 'EIO', 'EACCES', 'EIO', 'EACCES']) {
        faulty.fail('openToRead', code)
        await run()
      }
      expect(reasons()).to.deep.equal(
        ['EIO', 'EACCES'].map(
          code => `cannot archive ${plain(1)} (${code}); it stays as it is, and is tried again`,
        ),
      )
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_ARCHIVE', path: plain(1) })
      expect(warnings[0]?.cause).to.have.property('code', 'EIO')
      faulty.heal()
      await run()
      expectArchived(1)
      fs.removeSync(gz(1))
      make(1)
      faulty.fail('openToRead', 'EIO')
      await run()
      expect(warnings).to.have.length(3)
    })

    it('is due after a minute, once, and not when all went well since', async () => {
      make(1)
      faulty.fail('rename', 'EIO', { times: 2 })
      for (let i = 0; i < 2; i++) {
        await run()
        clock.pass(59_999)
        expect(due).to.equal(i)
        clock.pass(1)
        expect(due).to.equal(i + 1)
      }
      await run()
      expect(clock.waiting).to.equal(0)
    })

    it('is not due any more once it is stopped, not even by a run that ends after that', async () => {
      make(1)
      faulty.fail('rename', 'EIO')
      await run()
      archive.stop()
      expect(clock.waiting).to.equal(0)
      await run()
      expect(clock.waiting).to.equal(0)
    })

    it('tries those first that have not failed', async () => {
      make(1, 2, 3)
      beforeCall('rename', 1, () => {
        throw systemError('EIO')
      })
      await run()
      make(1, 2)
      await run()
      const days = archived.map(({ time }) => time.getUTCDate())
      expect(days).to.deep.equal([2, 1, 2, 1, 3])
    })

    it('does those of a directory that is read-only as soon as they can be done', async function () {
      make(1, 2, 3)
      const backups = list()
      fs.chownSync(at(), isRoot ? 65_534 : process.getuid!(), process.getgid!())
      fs.chmodSync(at(), 0o500)
      for (const day of [1, 2, 3])
        fs.chownSync(plain(day), fs.statSync(at()).uid, process.getgid!())
      if (isRoot) process.seteuid!(65_534)
      try {
        await archive.run(backups)
        expect(reasons()).to.have.length(1)
        expect(reasons()[0]).to.include('EACCES')
        fs.chmodSync(at(), 0o000)
        await archive.run(backups)
        fs.chmodSync(at(), 0o700)
        expect(reasons()).to.have.length(1)
        expectKept(1, 2, 3)
        await run()
        expectArchived(1, 2, 3)
      } finally {
        if (isRoot) process.seteuid!(0)
      }
    })
  })

  describe('when something is lacking that all need', () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM']) {
      for (const call of ['openToRead', 'create', 'writeLater', 'datasync'] as const) {
        it(`stops for ${code} of ${call}, warns once, and begins with another later`, async () => {
          make(1, 2, 3)
          faulty.fail(call, code)
          for (let i = 0; i < 3; i++) {
            expect(await run()).to.equal('done')
            expect(names()).to.deep.equal([1, 2, 3].map(nameOf))
          }
          expect(warnings).to.have.length(1)
          expect(warnings[0]).to.include({ path: plain(3) })
          expect(reasons()[0]).to.include(`(${code})`)
          expect(faulty.calls.filter(name => name === call)).to.have.length(3)
          expect(clock.waiting).to.equal(1)
          faulty.fail(call, code, { times: 1 })
          await run()
          faulty.heal()
          expect(archived).to.have.length(0)
          await run()
          expectArchived(1, 2, 3)
          expect(archived.map(({ time }) => time.getUTCDate())).to.deep.equal([2, 1, 3])
        })
      }
    }

    it('warns again of what was lacking before when it lacks again', async () => {
      for (const day of [1, 2]) {
        make(day)
        faulty.fail('writeLater', 'ENOSPC')
        await run()
        faulty.heal()
        await run()
      }
      expect(reasons()).to.have.length(2)
    })

    it('removes the temporary file of a disk that fills up, and goes on when there is room', function () {
      this.timeout(30_000)
      return onSmallDisk(this, async disk => {
        const small = (day: number): string => `${disk}/${nameOf(day)}`
        fs.writeFileSync(small(1), 'fits\n'.repeat(1000))
        fs.writeFileSync(small(2), randomBytes(400_000))
        fs.writeFileSync(`${disk}/ballast`, Buffer.alloc(400_000))
        const noise = fs.readFileSync(small(2))
        const before = systemDisk.freeBytes(disk)
        expect(await archive.run(archivable(`${disk}/audit.log`))).to.equal('done')
        expect(warnings).to.have.length(1)
        expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_ARCHIVE', path: small(2) })
        expect(warnings[0]?.cause).to.have.property('code', 'ENOSPC')
        expect(await systemDisk.freeBytes(disk)).to.equal(await before)
        expect(fs.readFileSync(small(2)).equals(noise)).to.equal(true)
        await archive.run(archivable(`${disk}/audit.log`)) // the one that fits goes first
        expect(archived.map(({ name }) => name)).to.deep.equal([`${nameOf(1)}.gz`])
        fs.removeSync(`${disk}/ballast`)
        await archive.run(archivable(`${disk}/audit.log`))
        expect(fs.readdirSync(disk).sort()).to.deep.equal([1, 2].map(day => `${nameOf(day)}.gz`))
        expect(readBackup(small(2)).equals(noise)).to.equal(true)
      })
    })

    /** Skips the test where no small disk can be had. */
    async function onSmallDisk(
      test: Mocha.Context,
      code: (disk: string) => Promise<void>,
    ): Promise<void> {
      const disk = at('small')
      fs.mkdirSync(disk)
      const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
      if (mount.status !== 0) {
        console.log(`      skipped: cannot mount a tmpfs here (${String(mount.stderr).trim()})`)
        test.skip()
      }
      try {
        await code(disk)
      } finally {
        spawnSync('umount', [disk])
      }
    }
  })

  describe('when a call fails', () => {
    const turns = HAPPY_CALLS.map((call, index) => ({
      call,
      nth: HAPPY_CALLS.slice(0, index + 1).filter(other => other === call).length,
    }))
    for (const { call, nth } of turns) {
      for (const effect of ['without', 'with'] as const) {
        it(`loses nothing by ${call} no. ${nth} ${effect} effect, and makes it good`, async () => {
          let left = nth
          const fails = (): boolean => --left === 0
          const real = systemDisk[call] as (...args: unknown[]) => unknown
          const isLater = [
            'readLater',
            'writeLater',
            'datasync',
            'syncDirectory',
            'remove',
          ].includes(call)
          const broken = (...args: unknown[]): unknown => {
            if (!fails()) return real(...args)
            if (!isLater) {
              // A descriptor that is not told of, or not closed, would be the test's own leak.
              const result = effect === 'with' || call === 'close' ? real(...args) : undefined
              if (call === 'create' || call === 'openToRead') {
                if (result !== undefined) fs.closeSync(result as number)
              }
              throw systemError('EIO')
            }
            const done = effect === 'with' ? Promise.resolve(real(...args)) : Promise.resolve()
            return done.then(() => Promise.reject(systemError('EIO')))
          }
          use({ ...systemDisk, [call]: broken })
          make(1, 2)
          await run()
          expectKept(1, 2)
          await run()
          expectArchived(1, 2)
          expect(archived.length).to.be.within(1, 2)
          expect(warnings.length).to.be.at.most(1)
          if (effect === 'with' && (call === 'rename' || call === 'remove')) {
            expect(reasons()).to.deep.equal([])
            expect(archived).to.have.length(2)
          }
        })
      }

      it(`loses nothing by ${call} from no. ${nth} on, for good`, async () => {
        make(1, 2)
        let left = nth
        const open: number[] = []
        faulty.before(call, () => {
          if (--left <= 0) throw systemError('EIO')
        })
        // Nothing that does not close can be closed: those are no leaks.
        const openToRead: Disk['openToRead'] = file => systemDisk.openToRead(file)
        const create: Disk['create'] = (file, how) => systemDisk.create(file, how)
        if (call === 'close') {
          const kept =
            <Args extends unknown[]>(opens: (...args: Args) => number) =>
            (...args: Args): number => {
              const fd = opens(...args)
              open.push(fd)
              return fd
            }
          use({ ...systemDisk, openToRead: kept(openToRead), create: kept(create) })
          left = nth
          faulty.before(call, () => {
            if (--left <= 0) throw systemError('EIO')
          })
        }
        for (let i = 0; i < 3; i++) {
          expect(await run()).to.equal('done')
          expectKept(1, 2)
        }
        for (const fd of open) {
          try {
            fs.closeSync(fd)
          } catch {
            // It was closed before closing failed.
          }
        }
        faulty.heal()
        await archive.tidy([1, 2].map(temporary))
        await run()
        expectArchived(1, 2)
      })
    }

    it('says so when its temporary file stays behind, and removes it in the next run', async () => {
      make(1)
      faulty.fail('datasync', 'EIO')
      faulty.fail('remove', 'EPERM')
      await run()
      expect(warnings.map(warning => warning.path)).to.deep.equal([temporary(1), plain(1)])
      expect(warnings[0]?.cause).to.have.property('code', 'EPERM')
      faulty.heal()
      await run()
      expectArchived(1)
    })
  })

  describe('asked to leave a backup', () => {
    const calls: DiskCall[] = [
      'openToRead',
      'create',
      'readLater',
      'writeLater',
      'datasync',
      'close',
      'rename',
      'syncDirectory',
      'remove',
    ]
    for (const call of calls) {
      it(`has left it, without a word, when it was asked before ${call}`, async () => {
        make(1, 2)
        let left: Promise<void> | undefined
        let found: string[] = []
        beforeCall(call, 1, () => {
          const backup = list().find(({ time }) => time.getUTCDate() === 2)!
          left = archive.abandon(backup).then(() => {
            found = names()
          })
        })
        await run()
        await left
        expect(found).not.to.include(`.${nameOf(2)}.gz.tmp`)
        expect(warnings).to.deep.equal([])
        const isMade = call === 'remove'
        expect(found.includes(nameOf(2))).to.equal(!isMade)
        expect(archived.map(({ path: file }) => file)).to.deep.equal(
          isMade ? [gz(2), gz(1)] : [gz(1)],
        )
        expectKept(1, 2)
        faulty.heal()
        await run()
        expectArchived(1, 2)
      })
    }

    it('does not come back to it in this run; does in the next', async () => {
      make(1, 2)
      beforeCall('readLater', 1, () => void archive.abandon(list()[1]!))
      await run()
      expect(names()).to.deep.equal([nameOf(1), `${nameOf(2)}.gz`])
      expect(clock.waiting).to.equal(1)
      await run()
      expectArchived(1, 2)
    })

    it('does not miss it, also if it was listed before', async () => {
      make(1, 2, 3)
      const backups = list()
      await archive.abandon(backups[0]!)
      fs.removeSync(plain(3))
      beforeCall('readLater', 1, () => {
        void archive.abandon(backups[2]!)
        fs.removeSync(plain(1))
      })
      await archive.run(backups)
      expectArchived(2)
      expect(warnings).to.deep.equal([])
    })

    it('goes on with another one undisturbed', async () => {
      make(1, 2)
      await archive.abandon({ ...list()[0]!, path: gz(2), archived: true })
      expect(await run()).to.equal('done')
      expectArchived(1, 2)
    })
  })

  describe('asked for room', () => {
    for (const call of ['openToRead', 'create', 'readLater', 'writeLater', 'datasync'] as const) {
      it(`has removed its temporary file and ended its run, before ${call}`, async () => {
        make(1, 2)
        let found: string[] | undefined
        let left: Promise<void> | undefined
        beforeCall(call, 1, () => {
          left = archive.interrupt().then(() => {
            found = names()
          })
        })
        expect(await run()).to.equal('done')
        await left
        expect(found).to.deep.equal([1, 2].map(nameOf))
        expect({ archived, warnings }).to.deep.equal({ archived: [], warnings: [] })
        clock.pass(60_000)
        expect(due).to.equal(1)
        faulty.heal()
        await run()
        expectArchived(1, 2)
      })
    }

    it('finishes what has its name already: that gives room', async () => {
      make(1, 2)
      let left: Promise<void> | undefined
      beforeCall('syncDirectory', 1, () => void (left = archive.interrupt()))
      await run()
      await left
      expect(names()).to.deep.equal([nameOf(1), `${nameOf(2)}.gz`])
      expect(archived).to.have.length(1)
    })

    it('stops before it begins, and does nothing when nothing is under way', async () => {
      make(1)
      await archive.interrupt()
      const running = run()
      await archive.interrupt()
      await running
      expect(names()).to.deep.equal([nameOf(1)])
      expect(clock.waiting).to.equal(1)
      await run()
      expectArchived(1)
    })
  })

  describe('of archives that are there', () => {
    it('warns once of each that is no gzip file, the empty one too', async () => {
      fs.writeFileSync(gz(1), '')
      fs.writeFileSync(gz(2), 'text')
      fs.writeFileSync(gz(3), gzipSync('good'))
      for (let i = 0; i < 3; i++) await run()
      expect(warnings.map(warning => warning.path)).to.deep.equal([gz(2), gz(1)])
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_ARCHIVE' })
      expect(warnings[0]).not.to.have.property('cause')
      expect(reasons()[0]).to.match(/no gzip file/)
    })

    it('looks into each once, but for those that it made, and forgets those that are gone', async () => {
      make(1)
      fs.writeFileSync(gz(2), gzipSync('good'))
      await run()
      expect(faulty.calls.filter(call => call === 'openToRead')).to.have.length(2)
      faulty.calls.length = 0
      await run()
      expect(faulty.calls).to.deep.equal([])
      fs.writeFileSync(gz(3), 'bad')
      await run()
      fs.removeSync(gz(3))
      await run()
      fs.writeFileSync(gz(3), 'bad')
      await run()
      expect(warnings).to.have.length(2)
    })

    it('warns once of one that cannot be read; says nothing of one that is gone', async () => {
      fs.writeFileSync(gz(1), '')
      fs.writeFileSync(gz(2), '')
      const backups = list()
      fs.removeSync(gz(2))
      for (const code of ['EACCES', 'EIO']) {
        faulty.fail('read', code)
        await archive.run(backups)
      }
      expect(warnings.map(warning => warning.path)).to.deep.equal([gz(1)])
      expect(reasons()[0]).to.match(/look into .* \(EACCES\)/)
    })

    it('looks again later where descriptors are lacking', async () => {
      for (const day of [1, 2, 3]) fs.writeFileSync(gz(day), '')
      faulty.fail('openToRead', 'EMFILE')
      await run()
      await run()
      expect(warnings).to.have.length(1)
      expect(clock.waiting).to.equal(1)
      faulty.heal()
      await run()
      expect(warnings).to.have.length(4)
    })

    it('lets others work while it goes through 100,000 of them', async () => {
      const one = (i: number): Backup => {
        const name = `${i}.gz`
        return { path: at(name), name, time: new Date(i), bytes: 0, archived: true }
      }
      fs.writeFileSync(at('good'), gzipSync(''))
      use({ ...systemDisk, openToRead: () => systemDisk.openToRead(at('good')) })
      const backups = Array.from({ length: 100_000 }, (_, i) => one(i))
      for (const most of [Infinity, 0]) {
        faulty.calls.length = 0
        const turns = await turnsWhile(() => archive.run(backups))
        expect(faulty.calls.length).to.be.at.most(most)
        expect(turns).to.be.greaterThan(2)
      }
      expect(warnings).to.deep.equal([])
    })
  })

  describe('tidying', () => {
    it('removes files and links, not what they lead to, and nothing else', async () => {
      fs.writeFileSync(at('precious'), 'precious')
      fs.writeFileSync(temporary(1), 'left over')
      fs.symlinkSync(at('precious'), temporary(2))
      fs.mkdirSync(temporary(3))
      execFileSync('mkfifo', [temporary(4)])
      await archive.tidy([1, 2, 3, 4, 5].map(temporary))
      const left = [3, 4].map(day => `.${nameOf(day)}.gz.tmp`)
      expect(names()).to.deep.equal([...left, 'precious'])
      expect(warnings).to.deep.equal([])
    })

    it('leaves alone the one that is being made', async () => {
      make(1)
      fs.writeFileSync(temporary(2), 'left over')
      let tidied: Promise<void> | undefined
      beforeCall('datasync', 1, () => void (tidied = archive.tidy([1, 2].map(temporary))))
      await run()
      await tidied
      expectArchived(1)
      expect(warnings).to.deep.equal([])
    })

    it('is over before an archive begins', async () => {
      make(1)
      fs.writeFileSync(temporary(1), 'left over')
      let removed = 0
      const remove: Disk['remove'] = async file => {
        const isFirst = removed++ === 0
        if (isFirst) await new Promise(resolve => setTimeout(resolve, 20))
        await systemDisk.remove(file)
      }
      use({ ...systemDisk, remove })
      const order: string[] = []
      faulty.before('create', () => order.push('created'))
      const tidied = archive.tidy([temporary(1)]).then(() => order.push('tidied'))
      await run()
      await tidied
      expect(order).to.deep.equal(['tidied', 'created'])
      expectArchived(1)
    })

    it('warns once of what cannot be removed', async () => {
      fs.writeFileSync(temporary(1), '')
      fs.writeFileSync(temporary(2), '')
      faulty.fail('remove', 'EPERM', { times: 1 })
      await archive.tidy([1, 2].map(temporary))
      faulty.fail('remove', 'EPERM', { times: 1 })
      await archive.tidy([1].map(temporary))
      expect(warnings.map(warning => warning.path)).to.deep.equal([temporary(1)])
      await archive.tidy([1].map(temporary))
      expect(names()).to.deep.equal([])
      fs.writeFileSync(temporary(1), '')
      faulty.fail('remove', 'EPERM', { times: 1 })
      await archive.tidy([1].map(temporary))
      expect(warnings).to.have.length(2)
    })
  })
})
