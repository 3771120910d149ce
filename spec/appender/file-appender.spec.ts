import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import type { Platform } from '../../lib/platform/platform.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { systemClock } from '../../lib/platform/clock.js'
import { keepNewest } from '../../lib/retention/retention-policy.js'
import { maxSize } from '../../lib/rotation/rotation-policy.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { backupNames, expectSoundDirectory, readLines, readLog } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('FileAppender', () => {
  const at = temporaryDirectory()
  const opened: FileAppender[] = []

  /** Opens a log that the test need not close. */
  function open(options: Partial<FileAppenderOptions> = {}, platform?: Partial<Platform>) {
    const log = new FileAppender(
      { path: at('audit.log'), ...options },
      { disk: systemDisk, clock: systemClock, ...platform },
    )
    opened.push(log)
    return log
  }

  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close()
  })

  describe('opening', () => {
    it('makes the file and its directories with the modes asked for, whatever the umask', () => {
      const umask = process.umask(0o077)
      try {
        open({ path: at('a', 'b', 'audit.log'), mode: 0o640, directoryMode: 0o750 })
      } finally {
        process.umask(umask)
      }
      expect(fs.statSync(at('a', 'b', 'audit.log')).mode & 0o777).to.equal(0o640)
      expect(fs.statSync(at('a')).mode & 0o777).to.equal(0o750)
      expect(fs.statSync(at('a', 'b')).mode & 0o777).to.equal(0o750)
    })

    it('goes on in an existing file, and leaves its mode', async () => {
      fs.writeFileSync(at('audit.log'), 'before\n', { mode: 0o604 })
      await open().append('after\n')
      expect(readLog(at('audit.log'))).to.equal('before\nafter\n')
      expect(fs.statSync(at('audit.log')).mode & 0o777).to.equal(0o604)
    })

    it('closes off a torn tail, and says so in a later turn', async () => {
      fs.writeFileSync(at('audit.log'), 'whole\ntorn')
      const log = open()
      expect(readLog(at('audit.log'))).to.equal('whole\ntorn\n')
      expect(await once(log, 'recover')).to.deep.equal([{ tornBytes: 4, finished: 0 }])
    })

    it('finishes a rotation that a crash interrupted', async () => {
      fs.writeFileSync(at('.audit.log.rotating'), 'before\n')
      const log = open()
      expect(await once(log, 'recover')).to.deep.equal([{ tornBytes: 0, finished: 1 }])
      await log.append('after\n')
      expect(readLines(at('audit.log'))).to.deep.equal(['before', 'after'])
      expect(backupNames(at('audit.log'))).to.have.length(1)
    })

    it('takes mode and owner from the file of an interrupted rotation', async () => {
      fs.writeFileSync(at('.audit.log.rotating'), 'before\n')
      fs.chmodSync(at('.audit.log.rotating'), 0o640)
      await open().append('after\n')
      expect(fs.statSync(at('audit.log')).mode & 0o777).to.equal(0o640)
    })

    it('does not list the directory before the constructor returns', async () => {
      const faulty = new FaultyDisk()
      const log = open({ maxBackups: 1 }, { disk: faulty.disk })
      expect(faulty.calls).not.to.include.oneOf(['entries', 'scan'])
      await log.settled()
    })

    it('refuses what is no regular file, touching nothing', () => {
      fs.mkdirSync(at('directory'))
      fs.symlinkSync(at('target'), at('link'))
      for (const path of [at('directory'), at('link'), '/dev/null']) {
        expect(() => open({ path }))
          .to.throw(/not a regular file/)
          .with.property('code', 'ERR_ROLLKEEPER_PATH')
      }
      expect(fs.readdirSync(at()).sort()).to.deep.equal(['directory', 'link'])
    })

    it('refuses a parent that cannot be made, and leaves nothing behind', () => {
      fs.writeFileSync(at('file'), '')
      expect(() => open({ path: at('file', 'audit.log') }))
        .to.throw(/cannot open/)
        .with.property('code', 'ERR_ROLLKEEPER_OPEN')
      const faulty = new FaultyDisk()
      faulty.fail('create', 'EACCES')
      expect(() => open({ path: at('new', 'deep', 'audit.log') }, { disk: faulty.disk })).to.throw(
        /EACCES/,
      )
      expect(fs.readdirSync(at())).to.deep.equal(['file'])
    })

    it('refuses a place where no directory can be made', () => {
      expect(() => open({ path: '/proc/nowhere/audit.log' }))
        .to.throw(/ENOENT/)
        .with.property('code', 'ERR_ROLLKEEPER_OPEN')
    })

    it('refuses a directory that it may not write to', function () {
      if (process.geteuid?.() !== 0) {
        console.log('skipped: only root can become somebody without permission')
        this.skip()
      }
      fs.chmodSync(at(), 0o755)
      process.seteuid?.(65534)
      try {
        expect(() => open())
          .to.throw(/EACCES/)
          .with.property('code', 'ERR_ROLLKEEPER_OPEN')
      } finally {
        process.seteuid?.(0)
      }
      expect(fs.readdirSync(at())).to.deep.equal([])
    })

    it('refuses wrong options before it makes anything', () => {
      expect(() => open({ path: at('new', 'audit.log'), maxBackups: 0 })).to.throw(RangeError)
      expect(fs.existsSync(at('new'))).to.equal(false)
    })

    it('warns of a neighbour whose backups could be taken for its own', async () => {
      fs.writeFileSync(at('audit.gz'), '')
      const [warning] = (await once(open({ path: at('audit') }), 'warning')) as [Error]
      expect(warning).to.have.property('code', 'ERR_ROLLKEEPER_PATH')
    })
  })

  describe('write and append', () => {
    it('writes the records of one turn together, at its end, in their order', async () => {
      const faulty = new FaultyDisk()
      const log = open({}, { disk: faulty.disk })
      faulty.calls.length = 0
      log.write('one\n')
      const acknowledged = log.append('two\n')
      log.write(Buffer.from('three\n'))
      expect(readLog(at('audit.log'))).to.equal('')
      await acknowledged
      expect(readLog(at('audit.log'))).to.equal('one\ntwo\nthree\n')
      expect(faulty.calls.filter(call => call === 'write')).to.have.length(1)
    })

    it('writes at once when as much waits as a batch may hold', () => {
      const log = open({ batchBytes: 8 })
      log.write('123\n')
      expect(readLog(at('audit.log'))).to.equal('')
      log.write('567\n')
      expect(readLog(at('audit.log'))).to.equal('123\n567\n')
    })

    it('writes each record at once with batches of 0', () => {
      open({ batchBytes: 0 }).write('one\n')
      expect(readLog(at('audit.log'))).to.equal('one\n')
    })

    it('copies bytes before it returns', async () => {
      const log = open()
      const bytes = Buffer.from('kept\n')
      const acknowledged = log.append(bytes)
      bytes.fill(0)
      await acknowledged
      expect(readLog(at('audit.log'))).to.equal('kept\n')
    })

    it('keeps the order of who awaits one by one, and of those who write between', async () => {
      const log = open()
      const expected: string[] = []
      for (let i = 0; i < 200; i++) {
        log.write(`w${i}\n`)
        await log.append(`a${i}\n`)
        expected.push(`w${i}`, `a${i}`)
        expect(readLines(at('audit.log'))).to.have.length(expected.length)
      }
      expect(readLines(at('audit.log'))).to.deep.equal(expected)
    })

    it('lets others have their turn while somebody awaits one by one', async () => {
      const log = open()
      let turns = 0
      const timer = setInterval(() => turns++, 0)
      while (turns < 3) await log.append('one\n')
      clearInterval(timer)
      expect(turns).to.be.at.least(3)
    })

    it('refuses what is no record, and takes nothing in', async () => {
      const log = open()
      for (const wrong of [
        '',
        'no end',
        42,
        null,
        undefined,
        {},
        new Uint8Array(),
        Buffer.of(65),
      ]) {
        expect(() => log.write(wrong as string)).to.throw(TypeError, /record: expected .* got/)
        const rejected = await log.append(wrong as string).then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(rejected).to.be.instanceOf(TypeError)
      }
      await log.flush()
      expect(readLog(at('audit.log'))).to.equal('')
    })

    it('goes on after a short write', async () => {
      const disk: Disk = {
        ...systemDisk,
        write: (fd, bytes, offset, length) =>
          systemDisk.write(fd, bytes, offset, Math.min(length, 3)),
      }
      await open({}, { disk }).append('äöü, longer than three bytes\n')
      expect(readLog(at('audit.log'))).to.equal('äöü, longer than three bytes\n')
    })
  })

  describe('maxSize', () => {
    it('keeps a file that is exactly at the limit, and rotates before the next record', async () => {
      const log = open({ maxSize: 8 })
      log.write('123\n')
      log.write('567\n')
      await log.flush()
      expect(backupNames(at('audit.log'))).to.have.length(0)
      await log.append('9\n')
      expect(backupNames(at('audit.log'))).to.have.length(1)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('9\n')
    })

    it('counts bytes, not characters', async () => {
      const log = open({ maxSize: 10 })
      for (let i = 0; i < 6; i++) log.write('äöü\n')
      await log.flush()
      const sizes = backupNames(at('audit.log')).map(name => fs.statSync(at(name)).size)
      expect(sizes).to.deep.equal([7, 7, 7, 7, 7])
    })

    it('cuts one batch into many files, each record whole, none past the limit', async () => {
      const log = open({ maxSize: 100 })
      const records = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(i % 40, 'é'))
      for (const record of records) log.write(`${record}\n`)
      await log.flush()
      expect(readLines(at('audit.log'))).to.deep.equal(records)
      for (const name of backupNames(at('audit.log'))) {
        expect(fs.statSync(at(name)).size).to.be.at.most(100)
      }
    })

    it('keeps a record longer than the limit whole, alone in its file, and counts it', async () => {
      const log = open({ maxSize: 10 })
      for (const record of ['a\n', 'much longer than ten\n', 'b\n']) await log.append(record)
      expect(backupNames(at('audit.log')).map(name => fs.readFileSync(at(name), 'utf8')))
        .to.deep //
        .equal(['a\n', 'much longer than ten\n'])
      expect(log.stats()).to.include({ oversized: 1, records: 3, rotations: 2 })
    })

    it('rotates at the first record when the file it finds is too full already', async () => {
      fs.writeFileSync(at('audit.log'), 'far too full\n')
      await open({ maxSize: 5 }).append('new\n')
      expect(readLines(at('audit.log'))).to.deep.equal(['far too full', 'new'])
      expect(backupNames(at('audit.log'))).to.have.length(1)
    })

    it('combines with a rotation policy: the first limit counts', async () => {
      const log = open({ maxSize: 100, rotation: maxSize(4) })
      await log.append('123\n')
      await log.append('567\n')
      expect(backupNames(at('audit.log'))).to.have.length(1)
    })
  })

  describe('rotate', () => {
    it('gives the backup, or undefined where there is nothing to keep', async () => {
      const log = open()
      expect(await log.rotate()).to.equal(undefined)
      await log.append('one\n')
      const backup = await log.rotate('a test')
      expect(backup).to.deep.include({ bytes: 4, archived: false })
      expect(await log.rotate()).to.equal(undefined)
      expect(backupNames(at('audit.log'))).to.deep.equal([backup?.name])
    })

    it('writes what waits into the file that is closed', async () => {
      const log = open()
      log.write('one\n')
      const backup = await log.rotate()
      expect(fs.readFileSync(backup?.path ?? '', 'utf8')).to.equal('one\n')
    })

    it('tells of it by an event', async () => {
      const log = open()
      await log.append('one\n')
      const told = once(log, 'rotate')
      const backup = await log.rotate()
      expect(await told).to.deep.equal([backup])
    })

    it('carries mode and owner over to the next file', async () => {
      const log = open()
      fs.chmodSync(at('audit.log'), 0o644)
      fs.chownSync(at('audit.log'), process.getuid?.() === 0 ? 1234 : -1, -1)
      await log.append('one\n')
      await log.rotate()
      const { mode, uid } = fs.statSync(at('audit.log'))
      expect(mode & 0o777).to.equal(0o644)
      if (process.getuid?.() === 0) expect(uid).to.equal(1234)
    })

    it('rotates the file that is there now, not the one that was renamed', async () => {
      const log = open()
      await log.append('old\n')
      fs.renameSync(at('audit.log'), at('moved'))
      fs.writeFileSync(at('audit.log'), 'new\n')
      const backup = await log.rotate()
      expect(fs.readFileSync(backup?.path ?? '', 'utf8')).to.equal('new\n')
    })

    it('makes no empty backup of a file that was truncated', async () => {
      const log = open()
      await log.append('one\n')
      fs.truncateSync(at('audit.log'))
      expect(await log.rotate()).to.equal(undefined)
      expect(backupNames(at('audit.log'))).to.have.length(0)
    })

    it('does not bring back what was pruned in the same moment', async () => {
      const log = open({ retention: backups => backups })
      for (let i = 0; i < 5; i++) {
        await log.append(`${i}\n`)
        await log.rotate()
        await log.prune()
      }
      await log.settled()
      expect(readLog(at('audit.log'))).to.equal('')
      expectSoundDirectory(at('audit.log'))
    })

    it('leaves no private name behind', async () => {
      const log = open()
      for (let i = 0; i < 5; i++) {
        await log.append('one\n')
        await log.rotate()
      }
      await log.settled()
      expectSoundDirectory(at('audit.log'))
    })

    describe('in a directory that takes long to read', () => {
      /** A disk whose directory comes to an end by a listing only; counts the pieces read at once. */
      const endless = () => {
        const read = { pieces: 0, closed: 0 }
        const next = (): string[] => (read.pieces++ > 10_000 ? expect.fail('for ever') : [])
        const disk: Disk = {
          ...systemDisk,
          scan: () => ({ next, close: () => void read.closed++ }),
        }
        return { read, faulty: new FaultyDisk(disk) }
      }

      it('waits for a listing, and does not read it at once', async () => {
        fs.writeFileSync(at('audit-2030-01-01T00-00-00.000.log'), 'future\n')
        const { read, faulty } = endless()
        const log = open({}, { disk: faulty.disk, clock: new ManualClock() })
        log.write('one\n')
        const backup = await log.rotate()
        expect(backup).to.include({ name: 'audit-2030-01-01T00-00-00.001.log' })
        expect(read.pieces).to.be.at.most(8)
        expect(read.closed).to.equal(1)
      })

      it('goes on in the file past its size, without a warning, until a listing has told all', async () => {
        const { faulty } = endless()
        let letRead = (): void => {}
        const gate = new Promise<void>(resolve => (letRead = resolve))
        faulty.before('entries', () => gate)
        const log = open({ maxSize: 4 }, { disk: faulty.disk })
        for (const record of ['1\n', '2\n', '3\n']) await log.append(record)
        expect(backupNames(at('audit.log'))).to.deep.equal([])
        letRead()
        await log.settled()
        await log.append('4\n')
        expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('4\n')
        expect(readLines(at('audit.log'))).to.deep.equal(['1', '2', '3', '4'])
        expect(log.stats()).to.include({ rotations: 1, errors: 0 })
      })
    })

    const clocks: [string, (clock: ManualClock) => void][] = [
      ['within one millisecond', () => {}],
      ['under a clock that runs backwards', clock => clock.set(clock.now() - 1000)],
      ['under a clock that jumps about', clock => clock.set(clock.now() + (clock.now() % 7) - 3)],
    ]
    for (const [when, tick] of clocks) {
      it(`overwrites nothing and keeps order: 200 times in a row ${when}`, async () => {
        const clock = new ManualClock()
        const log = open({ maxSize: 6 }, { clock })
        const records = Array.from({ length: 201 }, (_, i) => `r${i}`)
        for (const record of records) {
          log.write(`${record}\n`)
          log.flushSync()
          tick(clock)
        }
        expect(backupNames(at('audit.log'))).to.have.length.within(100, 201)
        expect(readLines(at('audit.log'))).to.deep.equal(records)
        await log.settled()
        expectSoundDirectory(at('audit.log'))
      })
    }

    it('sorts after the newest backup of an earlier run, also when it is from the future', async () => {
      const clock = new ManualClock()
      fs.writeFileSync(at('audit-2030-01-01T00-00-00.000.log'), 'future\n')
      const log = open({}, { clock })
      await log.append('now\n')
      expect(await log.rotate()).to.deep.include({ name: 'audit-2030-01-01T00-00-00.001.log' })
    })

    it('appends on, warns, and tries again when it is refused', async () => {
      const faulty = new FaultyDisk()
      const clock = new ManualClock()
      faulty.fail('rename', 'EBUSY')
      const log = open({ maxSize: 4 }, { disk: faulty.disk, clock })
      const warned = once(log, 'warning')
      for (const record of ['1\n', '2\n', '3\n', '4\n']) await log.append(record)
      expect((await warned)[0]).to.have.property('code', 'ERR_ROLLKEEPER_ROTATE')
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('1\n2\n3\n4\n')
      expect(faulty.calls.filter(call => call === 'rename')).to.have.length(1)

      faulty.heal()
      clock.pass(1000)
      await log.append('5\n')
      expect(readLines(at('audit.log'))).to.deep.equal(['1', '2', '3', '4', '5'])
      expect(backupNames(at('audit.log'))).to.have.length(1)
    })

    it('rejects when it is refused, and the file goes on', async () => {
      const faulty = new FaultyDisk()
      const log = open({}, { disk: faulty.disk })
      await log.append('1\n')
      faulty.fail('link', 'EIO')
      const error = await log.rotate('a test').catch((caught: unknown) => caught)
      expect(error).to.have.property('code', 'ERR_ROLLKEEPER_ROTATE')
      faulty.heal()
      await log.append('2\n')
      expect(readLines(at('audit.log'))).to.deep.equal(['1', '2'])
    })

    it('writes on into the old file until the next one can be opened', async () => {
      const faulty = new FaultyDisk()
      const clock = new ManualClock()
      const log = open({ maxSize: 4 }, { disk: faulty.disk, clock })
      await log.append('1\n')
      faulty.fail('create', 'EMFILE')
      for (const record of ['22\n', '3\n']) await log.append(record)
      expect(readLines(at('audit.log'))).to.deep.equal(['1', '22', '3'])
      faulty.heal()
      clock.pass(1000)
      await log.append('4\n')
      expect(readLines(at('audit.log'))).to.deep.equal(['1', '22', '3', '4'])
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('4\n')
      expect(log.stats().rotations).to.equal(1)
    })
  })

  describe('rotation', () => {
    it('closes a file on time without a write, also after a long time', async () => {
      const clock = new ManualClock()
      const days = 60
      const rotation = ({ openedAt }: { openedAt: Date }) => ({
        until: new Date(openedAt.getTime() + days * 86_400_000),
      })
      const log = open({ rotation }, { clock })
      clock.pass(days * 86_400_000) // passes while the file is empty: the policy is asked again
      await log.append('one\n')
      expect(backupNames(at('audit.log'))).to.have.length(0)
      const rotated = once(log, 'rotate')
      clock.pass(days * 86_400_000 - 1)
      expect(backupNames(at('audit.log'))).to.have.length(0)
      clock.pass(1)
      await rotated
      expect(backupNames(at('audit.log'))).to.have.length(1)
    })

    it('is asked once per file', async () => {
      const asked: number[] = []
      const rotation = ({ bytes }: { bytes: number }) => {
        asked.push(bytes)
        return { bytes: 4 }
      }
      const log = open({ rotation })
      for (let i = 0; i < 4; i++) await log.append('1\n')
      expect(asked).to.deep.equal([0, 0])
    })

    it('keeps its last limits when it throws or answers nonsense, with a warning', async () => {
      let answer: () => object = () => ({ bytes: 4 })
      const log = open({ rotation: () => answer() })
      const warnings: unknown[] = []
      log.on('warning', warning => warnings.push(warning.code))
      const typo = () => ({ untill: new Date() })
      for (const wrong of [() => ({ bytes: -1 }), typo, () => fail()]) {
        answer = wrong
        for (let i = 0; i < 2; i++) await log.append('1\n')
      }
      await log.append('1\n')
      expect(backupNames(at('audit.log'))).to.have.length(3)
      await new Promise(setImmediate)
      expect(warnings).to.deep.equal(Array(3).fill('ERR_ROLLKEEPER_POLICY'))
    })

    it('is not obeyed when it sets a time that is over: no file for each record', async () => {
      const log = open({ rotation: () => ({ until: new Date(0) }) })
      const [warning] = (await once(log, 'warning')) as [Error]
      expect(warning).to.have.property('code', 'ERR_ROLLKEEPER_POLICY')
      for (let i = 0; i < 3; i++) await log.append('1\n')
      expect(backupNames(at('audit.log'))).to.have.length(0)
    })
  })

  describe('retention', () => {
    const plant = (...stamps: string[]) => {
      for (const stamp of stamps) fs.writeFileSync(at(`audit-${stamp}.log`), `${stamp}\n`)
    }

    it('prunes at open, by number', async () => {
      plant('2016-01-01T00-00-00.000', '2016-01-02T00-00-00.000', '2016-01-03T00-00-00.000')
      const log = open({ maxBackups: 2 })
      const [pruned] = (await once(log, 'prune')) as [{ name: string }[]]
      expect(pruned.map(({ name }) => name)).to.deep.equal(['audit-2016-01-01T00-00-00.000.log'])
      expect(backupNames(at('audit.log'))).to.have.length(2)
      expect(log.stats().pruned).to.equal(1)
    })

    it('prunes after a rotation', async () => {
      const log = open({ maxBackups: 1 })
      for (const record of ['1\n', '2\n', '3\n']) {
        await log.append(record)
        await log.rotate()
      }
      await log.settled()
      expect(readLines(at('audit.log'))).to.deep.equal(['3'])
    })

    it('prunes by age while idle', async () => {
      const clock = new ManualClock('2016-01-01T00:00:00.000Z')
      plant('2016-01-01T00-00-00.000')
      const log = open({ maxAge: { days: 30 } }, { clock })
      await log.settled()
      clock.pass(30 * 86_400_000)
      await log.settled()
      expect(backupNames(at('audit.log'))).to.have.length(1)
      const pruned = once(log, 'prune')
      clock.pass(1000)
      await pruned
      expect(backupNames(at('audit.log'))).to.have.length(0)
    })

    it('applies a programmatic policy beside the options', async () => {
      plant('2016-01-01T00-00-00.000', '2016-01-02T00-00-00.000', '2016-01-03T00-00-00.000')
      const log = open({
        maxBackups: 2,
        retention: backups => backups.filter(({ time }) => time.getUTCDate() === 2),
      })
      await log.settled()
      expect(backupNames(at('audit.log'))).to.deep.equal(['audit-2016-01-03T00-00-00.000.log'])
    })

    it('prunes on demand, and tells what went', async () => {
      plant('2016-01-01T00-00-00.000', '2016-01-02T00-00-00.000')
      let keep = 5
      const log = open({ retention: (backups, moment) => keepNewest(keep)(backups, moment) })
      expect(await log.prune()).to.deep.equal([])
      keep = 1
      const removed = await log.prune()
      expect(removed.map(({ name }) => name)).to.deep.equal(['audit-2016-01-01T00-00-00.000.log'])
    })

    it('lists backups newest first, and no strangers', async () => {
      plant('2016-01-01T00-00-00.000', '2016-01-03T00-00-00.000', '2016-01-02T00-00-00.000')
      fs.writeFileSync(at('audit-2016-01-02T00-00-00.000.log.gz'), '')
      fs.writeFileSync(at('audit-yesterday.log'), '')
      fs.mkdirSync(at('audit-2016-01-04T00-00-00.000.log'))
      const backups = await open().backups()
      expect(backups.map(({ time }) => time.getUTCDate())).to.deep.equal([3, 2, 1])
      expect(backups[1]).to.include({ archived: false, bytes: 24 })
    })
  })

  describe('hold and release', () => {
    it('exempt a backup from pruning, and give it back', async () => {
      let givesUp = false
      const log = open({ retention: backups => (givesUp ? backups : []) })
      await log.append('one\n')
      const backup = await log.rotate()
      await log.hold(backup!, 'a lawsuit')
      givesUp = true
      expect(await log.prune()).to.deep.equal([])
      await log.settled()
      expect((await log.backups()).map(({ held }) => held)).to.deep.equal(['a lawsuit'])
      expectSoundDirectory(at('audit.log'))
      await log.release(backup!)
      await log.settled()
      expect(await log.backups()).to.deep.equal([])
      await log.close()
      expect(fs.readdirSync(at())).to.deep.equal(['audit.log'])
    })

    it('are refused when the log is closed', async () => {
      const log = open()
      await log.append('one\n')
      const backup = await log.rotate()
      await log.close()
      for (const call of [log.hold(backup!, 'why'), log.release(backup!)]) {
        const error = await call.catch((caught: unknown) => caught)
        expect(error).to.have.property('code', 'ERR_ROLLKEEPER_CLOSED')
      }
    })

    it('are over before the log is closed', async () => {
      const log = open({ retention: backups => backups })
      await log.append('one\n')
      const backup = await log.rotate()
      const held = log.hold(backup!, 'why').then(
        () => 'held',
        () => 'gone',
      )
      await log.close()
      const end = fs.existsSync(`${backup!.path}.hold`) ? 'held' : 'gone'
      expect(fs.existsSync(backup!.path)).to.equal(end === 'held')
      expect(await held).to.equal(end)
    })
  })

  describe('follow', () => {
    const interferences: [string, () => void][] = [
      ['renamed', () => fs.renameSync(at('audit.log'), at('moved'))],
      ['deleted', () => fs.unlinkSync(at('audit.log'))],
      [
        'replaced',
        () => {
          fs.renameSync(at('audit.log'), at('moved'))
          fs.writeFileSync(at('audit.log'), 'theirs\n')
        },
      ],
    ]
    for (const [why, interfere] of interferences) {
      it(`opens the path anew when the file was ${why}`, async () => {
        const log = open()
        await log.append('before\n')
        const told = once(log, 'reopen')
        interfere()
        await log.append('after\n')
        expect(await told).to.deep.equal([why])
        expect(fs.readFileSync(at('audit.log'), 'utf8')).to.match(/^(theirs\n)?after\n$/)
        if (why !== 'deleted') expect(fs.readFileSync(at('moved'), 'utf8')).to.equal('before\n')
      })
    }

    it('makes a directory anew that was removed', async () => {
      const log = open({ path: at('logs', 'audit.log') })
      await log.append('before\n')
      fs.removeSync(at('logs'))
      await log.append('after\n')
      expect(fs.readFileSync(at('logs', 'audit.log'), 'utf8')).to.equal('after\n')
    })

    it('leaves no hole when the file is truncated, and counts its size anew', async () => {
      const log = open({ maxSize: 12 })
      await log.append('12345678\n')
      fs.truncateSync(at('audit.log'))
      await log.append('12345678\n')
      expect(readLog(at('audit.log'))).to.equal('12345678\n')
      expect(backupNames(at('audit.log'))).to.have.length(0)
    })

    it('does not look when it is told not to', async () => {
      const log = open({ follow: false })
      fs.renameSync(at('audit.log'), at('moved'))
      await log.append('one\n')
      expect(fs.readFileSync(at('moved'), 'utf8')).to.equal('one\n')
    })

    it('writes on into a renamed file while the path cannot be opened', async () => {
      const log = open()
      fs.renameSync(at('audit.log'), at('moved'))
      fs.symlinkSync(at('target'), at('audit.log'))
      const warned = once(log, 'warning')
      await log.append('one\n')
      await log.append('two\n')
      expect((await warned)[0]).to.have.property('code', 'ERR_ROLLKEEPER_PATH')
      expect(fs.readFileSync(at('moved'), 'utf8')).to.equal('one\ntwo\n')
      expect(fs.existsSync(at('target'))).to.equal(false)
      expect(log.stats().errors).to.equal(1)
    })
  })

  describe('reopen', () => {
    it('opens the path anew, after what waits was written into the old file', async () => {
      const log = open()
      log.write('before\n')
      fs.renameSync(at('audit.log'), at('moved'))
      const told = once(log, 'reopen')
      await log.reopen()
      await log.append('after\n')
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.include('after\n')
      expect(fs.readFileSync(at('moved'), 'utf8') + readLog(at('audit.log'))).to.include('before\n')
      await told
    })
  })

  describe('writable', () => {
    it('takes a stream of any bytes and appends its lines', async () => {
      const log = open({ maxSize: 100 })
      const text = Array.from({ length: 100 }, (_, i) => `line ${i} ü€😀`).join('\n')
      const bytes = Buffer.from(text)
      const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) =>
        bytes.subarray(i * 7, i * 7 + 7),
      )
      await pipeline(chunks, log.writable())
      expect(readLog(at('audit.log'))).to.equal(`${text}\n`)
    })
  })

  describe('close', () => {
    it('writes what waits, closes once, and refuses what comes after', async () => {
      const log = open()
      const closed = once(log, 'close')
      log.write('last\n')
      const closing = log.close()
      expect(log.close()).to.equal(closing)
      await closing
      await closed
      expect(readLog(at('audit.log'))).to.equal('last\n')
      expect(() => log.write('late\n'))
        .to.throw()
        .with.property('code', 'ERR_ROLLKEEPER_CLOSED')
      for (const call of [() => log.append('late\n'), () => log.rotate(), () => log.sync()]) {
        const error = await call().catch((caught: unknown) => caught)
        expect(error).to.have.property('code', 'ERR_ROLLKEEPER_CLOSED')
      }
      expect(readLog(at('audit.log'))).to.equal('last\n')
    })

    it('waits for the work behind', async () => {
      const log = open({ maxSize: 4, maxBackups: 1 })
      for (let i = 0; i < 20; i++) await log.append('1\n')
      await log.close()
      expect(backupNames(at('audit.log'))).to.have.length(1)
      expectSoundDirectory(at('audit.log'))
    })

    it('says when the system could not close the file, and is closed', async () => {
      const faulty = new FaultyDisk()
      const log = open({}, { disk: faulty.disk })
      const closed = once(log, 'close')
      faulty.fail('close', 'EIO')
      const error = await log.close().catch((caught: unknown) => caught)
      expect(error).to.have.property('code', 'ERR_ROLLKEEPER_WRITE')
      await closed
      opened.length = 0
    })

    it('leaves no timer behind', async () => {
      const clock = new ManualClock()
      const faulty = new FaultyDisk()
      const log = open({ maxSize: 2, maxAge: '1d' }, { disk: faulty.disk, clock })
      faulty.fail('rename', 'EBUSY')
      for (let i = 0; i < 20; i++) await log.append('1\n')
      await log.close()
      expect(clock.waiting).to.equal(0)
    })

    it('is what `await using` calls', async () => {
      const log = open()
      log.write('one\n')
      await log[Symbol.asyncDispose]()
      expect(() => log.write('late\n')).to.throw(/closed/)
    })
  })

  describe('stats', () => {
    it('counts what was done', async () => {
      const log = open({ maxSize: 4 })
      for (let i = 0; i < 4; i++) await log.append('1\n')
      log.write('waits\n')
      expect(log.stats()).to.include({
        records: 4,
        bytes: 8,
        rotations: 1,
        dropped: 0,
        errors: 0,
        pendingBytes: 6,
        activeBytes: 4,
      })
    })
  })
})

function fail(): never {
  throw new Error('a policy that fails')
}
