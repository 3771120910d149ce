import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { daily, every } from '../../lib/rotation/time-policy.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

/** A whole log under a clock that a test sets. */
describe('a log whose clock is set', () => {
  const at = temporaryDirectory()
  let clock: ManualClock
  let logs: FileAppender[]
  let warnings: RollkeeperError[]
  beforeEach(() => {
    clock = new ManualClock('2016-09-07T12:00:00.000Z')
    logs = []
    warnings = []
  })
  afterEach(() => Promise.all(logs.map(log => log.close().catch(() => undefined))))

  const path = (): string => at('audit.log')
  const step = (ms: number): void => clock.set(clock.now() + ms)
  const names = (): string[] => backupNames(path())

  const open = (options: Partial<FileAppenderOptions> = {}): FileAppender => {
    const log = new FileAppender({ path: path(), ...options }, { disk: systemDisk, clock })
    log.on('warning', warning => warnings.push(warning))
    logs.push(log)
    return log
  }

  /** Writes a line into a file of its own, and waits for the work behind. */
  const backUp = async (log: FileAppender, text: string): Promise<string> => {
    log.write(`${text}\n`)
    const backup = await log.rotate()
    await log.settled()
    return backup?.name ?? ''
  }

  /** Resolved when what happened was told of: that comes in a later turn. */
  const told = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

  /** Lets time pass, with the work that comes due on the way. */
  const pass = async (log: FileAppender, ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= HOUR_MS) {
      clock.pass(Math.min(left, HOUR_MS))
      await log.settled()
    }
  }

  describe('and who keeps by age', () => {
    it('loses nothing to a clock that jumps ahead by minutes, days or years, and back', async () => {
      const log = open({ maxAge: { days: 1 } })
      const kept = [await backUp(log, 'before')]
      for (const ms of [10 * MINUTE_MS, 3 * DAY_MS, 30 * YEAR_MS]) {
        step(ms)
        kept.push(await backUp(log, `${ms} ahead`))
        expect(await log.prune()).to.deep.equal([])
        step(-ms)
        kept.push(await backUp(log, `back by ${ms}`))
        expect(await log.prune()).to.deep.equal([])
      }
      expect(names()).to.deep.equal(kept)
      expect(kept.toSorted()).to.deep.equal(kept)
    })

    it('loses nothing to a clock that jumps back, stamps, and is put right', async () => {
      const log = open({ maxAge: { days: 1 } })
      step(-YEAR_MS)
      const name = await backUp(log, 'stamped a year too early')
      expect(name).to.match(/^audit-2015-/)
      step(YEAR_MS)
      expect(await log.prune()).to.deep.equal([])
      await pass(log, DAY_MS - HOUR_MS)
      expect(names()).to.deep.equal([name])
      await pass(log, 2 * HOUR_MS)
      expect(names()).to.deep.equal([])
    })

    it('loses nothing to a clock that was behind for just the moment of a rotation', async () => {
      const log = open({ maxSize: 2, maxAge: { days: 1 } })
      await log.settled()
      log.write('1\n')
      log.flushSync()
      step(-YEAR_MS)
      log.write('2\n')
      log.flushSync()
      step(YEAR_MS)
      await log.settled()
      expect(await log.prune()).to.deep.equal([])
      expect(names()).to.have.length(1)
      expect(names()[0]).to.match(/^audit-2015-/)
    })

    it('has each backup go when the time has really passed, though the clock is years ahead', async () => {
      const log = open({ maxAge: { days: 1 } })
      const [first] = [await backUp(log, 'first')]
      step(2 * YEAR_MS)
      await pass(log, DAY_MS - 2 * HOUR_MS)
      expect(names()).to.deep.equal([first])
      expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_PRUNE'])
      await pass(log, 4 * HOUR_MS)
      expect(names()).to.deep.equal([])
    })

    it('keeps what is too old only by a clock that was behind when it was opened, until opened again', async () => {
      const [now] = [clock.now()]
      fs.writeFileSync(at(formatBackupName('audit.log', new Date(now - 3 * DAY_MS))), 'old\n')
      clock.set('1970-01-01T00:00:20.000Z') // a machine without a battery, before it has heard the time
      const log = open({ maxAge: { days: 1 } })
      await log.settled()
      clock.set(now)
      expect(await log.prune()).to.deep.equal([])
      await told()
      expect(warnings[0]?.message).to.include('until the log is opened again')
      await log.close()
      const again = open({ maxAge: { days: 1 } })
      await again.settled()
      expect(names()).to.deep.equal([])
    })

    it('is not protected from a clock that is ahead when it is opened, and stays so', async () => {
      const log = open({ maxAge: { days: 1 } })
      await backUp(log, 'young')
      await log.close()
      step(2 * YEAR_MS)
      const wrong = open({ maxAge: { days: 1 } })
      await wrong.settled()
      expect(names()).to.deep.equal([])
    })

    it('is not protected from what another run stamped by a clock that was behind', async () => {
      step(-YEAR_MS)
      const wrong = open({ maxAge: { days: 1 } })
      await backUp(wrong, 'young')
      await wrong.close()
      step(YEAR_MS)
      const log = open({ maxAge: { days: 1 } })
      await log.settled()
      expect(names()).to.deep.equal([])
    })

    it('keeps backups of other runs if the clock is right for a moment before they are looked at', async () => {
      const name = await backUp(open(), 'young')
      await logs[0]?.close()
      step(2 * YEAR_MS)
      const log = open({ maxAge: { days: 1 } })
      step(-2 * YEAR_MS) // put right in the turn in which it was opened
      await log.settled()
      step(2 * YEAR_MS)
      await log.prune()
      expect(names()).to.deep.equal([name])
    })
  })

  describe('with backups from the future', () => {
    const future = '2026-01-01T00:00:00.000Z'

    it('takes them for new by age, and has no other go for them', async () => {
      fs.writeFileSync(at(formatBackupName('audit.log', new Date(future))), 'future\n')
      fs.writeFileSync(at(formatBackupName('audit.log', new Date(clock.now() - HOUR_MS))), 'now\n')
      const before = names()
      const log = open({ maxAge: { days: 1 } })
      await log.settled()
      expect(names()).to.deep.equal(before)
      await pass(log, 2 * DAY_MS)
      expect(names()).to.deep.equal(before.slice(1))
    })

    it('names what comes after them by the next milliseconds, and keeps order and number', async () => {
      fs.writeFileSync(at(formatBackupName('audit.log', new Date(future))), 'future\n')
      const log = open({ maxBackups: 3 })
      for (const text of ['one', 'two', 'three']) await backUp(log, text)
      expect(names()).to.deep.equal([1, 2, 3].map(ms => `audit-2026-01-01T00-00-00.00${ms}.log`))
      expect(readLines(path())).to.deep.equal(['one', 'two', 'three'])
    })
  })

  describe('while a file is limited by time', () => {
    it('closes it within a minute of a clock that jumps past its end', async () => {
      for (const rotation of [every('1h'), daily()]) {
        const log = open({ rotation })
        log.write('before\n')
        log.flushSync()
        const before = names().length
        step(3 * DAY_MS)
        clock.pass(MINUTE_MS)
        expect(names()).to.have.length(before + 1)
        await log.close()
      }
    })

    it('closes it at the next mark of a clock that was set back, not in years', async () => {
      const log = open({ rotation: every('1h') })
      step(-5 * YEAR_MS)
      log.write('set back\n')
      log.flushSync()
      clock.pass(HOUR_MS - 1)
      expect(names()).to.have.length(0)
      clock.pass(MINUTE_MS)
      expect(names()).to.have.length(1)
    })

    it('does not close it twice for an hour that the clock shows twice', async () => {
      const log = open({ rotation: every('1h') })
      log.write('one\n')
      log.flushSync()
      clock.pass(HOUR_MS)
      expect(names()).to.have.length(1)
      step(-30 * MINUTE_MS)
      log.write('two\n')
      log.flushSync()
      clock.pass(30 * MINUTE_MS)
      log.write('three\n')
      log.flushSync()
      await log.close()
      expect(names().toSorted()).to.deep.equal(names())
      expect(readLines(path())).to.deep.equal(['one', 'two', 'three'])
    })
  })

  describe('by nobody, but stands still', () => {
    it('gives each backup a name of its own, in order, and lets none get old', async () => {
      const log = open({ maxSize: 2, maxAge: '1m' })
      const stuck = clock.now()
      const now = clock.now.bind(clock)
      clock.now = () => stuck
      for (let line = 0; line < 10; line++) await log.append(`${line}\n`)
      clock.pass(HOUR_MS)
      expect(await log.prune()).to.deep.equal([])
      clock.now = now
      await log.close()
      expect(names()).to.have.length(9)
      expect(readLines(path())).to.deep.equal(Array.from({ length: 10 }, (_, line) => `${line}`))
    })
  })

  describe('by nobody, but sleeps', () => {
    it('closes a file whose time passed meanwhile within a minute of waking', async () => {
      const log = open({ rotation: daily() })
      log.write('before\n')
      log.flushSync()
      clock.suspend(3 * DAY_MS)
      expect(names()).to.have.length(0)
      clock.pass(MINUTE_MS)
      expect(names()).to.have.length(1)
    })

    it('prunes what got old meanwhile within an hour of waking, and warns of nothing', async () => {
      const log = open({ maxAge: { days: 2 } })
      await backUp(log, 'old')
      clock.suspend(3 * DAY_MS)
      expect(names()).to.have.length(1)
      await pass(log, HOUR_MS)
      expect(names()).to.have.length(0)
      expect(warnings).to.deep.equal([])
    })
  })

  describe('to the ends of the calendar', () => {
    it('knows leap days, and the days that some years do not have', async () => {
      clock.set('2016-02-28T23:59:59.999Z')
      const log = open({ maxAge: { days: 2 } })
      const kept = [await backUp(log, 'the 28th')]
      clock.pass(1)
      kept.push(await backUp(log, 'the 29th'))
      clock.pass(DAY_MS)
      kept.push(await backUp(log, 'March'))
      expect(kept.map(name => name.slice(0, 16))).to.deep.equal([
        'audit-2016-02-28',
        'audit-2016-02-29',
        'audit-2016-03-01',
      ])
      fs.writeFileSync(at('audit-2015-02-29T00-00-00.000.log'), 'no such day\n')
      fs.writeFileSync(at('audit-1900-02-29T00-00-00.000.log'), 'no such day\n')
      await pass(log, DAY_MS - 1)
      await log.prune()
      expect(names()).to.deep.equal(kept)
      clock.pass(1)
      expect((await log.prune()).map(({ name }) => name)).to.deep.equal([kept[0]])
      expect(fs.readdirSync(at())).to.include.members([
        'audit-2015-02-29T00-00-00.000.log',
        'audit-1900-02-29T00-00-00.000.log',
      ])
    })

    for (const [what, time] of [
      ['before the year 0', -62_167_219_200_001],
      ['after the year 9999', Date.UTC(10_000, 0, 1)],
    ] as const) {
      it(`keeps every record where the clock shows a time ${what}, which no name can tell`, async () => {
        clock.set(time)
        const log = open({ maxSize: 10, maxAge: { days: 1 } })
        for (let line = 0; line < 5; line++) await log.append(`line ${line}\n`)
        await log.settled()
        expect(names()).to.deep.equal([])
        expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_ROTATE' })
        clock.set('2016-09-07T12:00:00.000Z')
        clock.pass(1000)
        await log.append('right\n')
        await log.close()
        expect(names()).to.have.length(1)
        expect(readLines(path())).to.have.length(6)
        expectSoundDirectory(path())
      })
    }

    it('goes on in one file after the last time that a name can tell, and overwrites nothing', async () => {
      clock.set('9999-12-31T23:59:59.999Z')
      const log = open({ maxSize: 10 })
      for (let line = 0; line < 5; line++) await log.append(`line ${line}\n`)
      await log.close()
      expect(names()).to.deep.equal(['audit-9999-12-31T23-59-59.999.log'])
      expect(readLines(path())).to.have.length(5)
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_ROTATE' })
    })

    it('knows the year 0', async () => {
      clock.set('0000-01-01T00:00:00.000Z')
      const log = open({ maxAge: { days: 1 } })
      expect(await backUp(log, 'zero')).to.equal('audit-0000-01-01T00-00-00.000.log')
      expect(names()).to.have.length(1)
      clock.pass(DAY_MS + 1)
      await log.prune()
      expect(names()).to.have.length(0)
    })
  })

  describe('by daylight saving', () => {
    /**
     * The day of a change: its first midnight, in UTC; its length, in hours; and by `every('1h')` the
     * number of its files, and the length of the longest. On Lord Howe Island an hour of 90 minutes
     * comes in autumn: 01:30 to 02:00 twice, which are one file with what was before.
     */
    const DAYS = [
      ['Europe/Berlin', 'autumn', '2016-10-29T22:00Z', 25, 25, 1],
      ['Europe/Berlin', 'spring', '2016-03-26T23:00Z', 23, 23, 1],
      ['America/New_York', 'autumn', '2016-11-06T04:00Z', 25, 25, 1],
      ['America/New_York', 'spring', '2016-03-13T05:00Z', 23, 23, 1],
      ['Australia/Lord_Howe', 'autumn', '2016-04-02T13:00Z', 24.5, 24, 1.5],
      ['Australia/Lord_Howe', 'spring', '2016-10-01T13:30Z', 23.5, 24, 1],
    ] as const
    const EVERY_MS = 10 * MINUTE_MS

    for (const [timeZone, season, midnight, hours, files, longest] of DAYS) {
      /** How many records each file has, from the midnight before the change to the one after. */
      const recordsOf = async (rotation: ReturnType<typeof every>): Promise<number[]> => {
        clock.set(Date.parse(midnight))
        const log = open({ rotation })
        for (let ms = 0; ms < hours * HOUR_MS; ms += EVERY_MS) {
          log.write(`${new Date(clock.now()).toISOString()}\n`)
          log.flushSync()
          clock.pass(EVERY_MS)
        }
        await log.close()
        expectSoundDirectory(path())
        expect(readLines(path())).to.have.length(hours * 6)
        return names().map(name => fs.readFileSync(at(name), 'utf8').split('\n').length - 1)
      }

      it(`makes one file of a day of ${hours} hours (${timeZone}, ${season})`, async () => {
        expect(await recordsOf(daily({ timeZone }))).to.deep.equal([hours * 6])
      })

      it(`makes ${files} files by the hour on that day (${timeZone}, ${season})`, async () => {
        const records = await recordsOf(every('1h', { timeZone }))
        expect(records).to.have.length(files)
        expect(Math.max(...records)).to.equal(longest * 6)
      })
    }
  })
})
