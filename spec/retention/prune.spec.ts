import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import { listBackups } from '../../lib/backup/catalogue.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { Prune } from '../../lib/retention/prune.js'
import {
  keepFor,
  keepFree,
  keepNewest,
  type RetentionPolicy,
} from '../../lib/retention/retention-policy.js'
import { mistyped } from '../audit/mistyped.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const DAY_MS = 86_400_000
const keepNone: RetentionPolicy = backups => backups
const fails: RetentionPolicy = () => {
  throw new Error('no idea')
}

describe('Prune', () => {
  const at = temporaryDirectory()
  let clock: ManualClock
  let faulty: FaultyDisk
  let prunes: Prune[]
  let pruned: Backup[][]
  let warnings: RollkeeperError[]
  let due: number
  let abandon: (backup: Backup) => Promise<void>
  beforeEach(() => {
    clock = new ManualClock('2016-09-20T00:00:00.000Z')
    faulty = new FaultyDisk()
    prunes = []
    pruned = []
    warnings = []
    due = 0
    abandon = async () => {}
  })
  afterEach(() => {
    for (const prune of prunes) prune.stop()
  })

  const path = (): string => at('audit.log')
  const nameOf = (day: number): string => formatBackupName('audit.log', dateOf(day))
  const dateOf = (day: number): Date => new Date(Date.UTC(2016, 8, day))
  const dayOf = ({ time }: Backup): number => time.getUTCDate()
  const days = async (): Promise<number[]> => (await list()).map(dayOf)
  const list = (): Promise<readonly Backup[]> => listBackups(faulty.disk, path())

  /** Backups of days of September 2016. */
  const make = (...numbers: number[]): void => {
    for (const number of numbers) fs.writeFileSync(at(nameOf(number)), `${number}\n`)
  }

  const pruneBy = (...policies: RetentionPolicy[]): Prune => {
    const rules = policies.map((policy, index) => ({ name: `rule ${index}`, policy }))
    const prune = new Prune({ disk: faulty.disk, clock }, at(), rules, {
      pruned: backups => pruned.push(backups),
      warn: error => warnings.push(error),
      due: () => due++,
      abandon: backup => abandon(backup),
    })
    prunes.push(prune)
    return prune
  }

  it('removes what a policy gives up; returns and tells of it, oldest first', async () => {
    make(1, 2, 3, 4, 5)
    const removed = await pruneBy(keepNewest(2)).remove(list)
    expect(removed.map(dayOf)).to.deep.equal([1, 2, 3])
    expect(pruned).to.deep.equal([removed])
    expect(await days()).to.deep.equal([5, 4])
    expect(warnings).to.deep.equal([])
  })

  it('removes as a step what it removes when it is asked', async () => {
    make(1)
    await pruneBy(keepNone).run(await list())
    expect(await days()).to.deep.equal([])
  })

  it('removes what any of the policies gives up', async () => {
    make(1, 5, 10, 19, 20)
    const evenDays: RetentionPolicy = backups => backups.filter(backup => dayOf(backup) % 2 === 0)
    await pruneBy(keepNewest(4), keepFor('12d'), evenDays).remove(list)
    expect(await days()).to.deep.equal([19])
  })

  it('shows policies the time of the clock and the bytes that are free', async () => {
    make(1, 2)
    const asked: RetentionPolicy = (backups, { now, freeBytes }) =>
      dayOf(backups[0]!) === 2 && +now === clock.now() && freeBytes > 0 ? [backups[1]!] : []
    expect((await pruneBy(asked).remove(list)).map(dayOf)).to.deep.equal([1])
  })

  it('keeps all, tells of nothing and asks the disk nothing where there is nothing to do', async () => {
    make(1, 2)
    const backups = await list()
    faulty.calls.length = 0
    expect(await pruneBy().remove(async () => backups)).to.deep.equal([])
    expect(await pruneBy(keepNone).remove(async () => [])).to.deep.equal([])
    expect(faulty.calls).to.deep.equal([])
    expect(await pruneBy(keepNewest(2), keepFor('30d')).remove(async () => backups)).to.deep.equal(
      [],
    )
    expect(pruned).to.deep.equal([])
    expect(await days()).to.deep.equal([2, 1])
  })

  it('keeps what is exactly as old as it may get, and what is stamped with a future time', async () => {
    make(9, 10, 25, 30)
    await pruneBy(keepFor({ days: 10 })).remove(list)
    expect(await days()).to.deep.equal([30, 25, 10])
    clock.set('2016-09-20T00:00:00.001Z')
    await pruneBy(keepFor({ days: 10 })).remove(list)
    expect(await days()).to.deep.equal([30, 25])
  })

  describe('by a clock that is set while it is at work', () => {
    const step = (ms: number): void => clock.set(clock.now() + ms)

    it('keeps what only the new time makes too old, and says so once for each step', async () => {
      make(1, 9, 19)
      const prune = pruneBy(keepFor('15d'))
      step(2 * DAY_MS)
      expect((await prune.remove(list)).map(dayOf)).to.deep.equal([1])
      expect(warnings).to.deep.equal([])
      step(10 * DAY_MS)
      await prune.remove(list)
      await prune.remove(list)
      expect(await days()).to.deep.equal([19, 9])
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_PRUNE', path: at() })
      expect(warnings[0]?.message)
        .to.include(`forward by ${12 * 86_400} s`)
        .and.include('(1 now)')
      step(10 * DAY_MS)
      await prune.remove(list)
      expect(warnings).to.have.length(2)
      expect(warnings[1]?.message).to.include('(2 now)')
      step(-22 * DAY_MS)
      await prune.remove(list)
      step(22 * DAY_MS)
      await prune.remove(list)
      expect(warnings).to.have.length(3)
      expect(await days()).to.deep.equal([19, 9])
    })

    it('goes by the new time when it is made anew', async () => {
      make(9, 19)
      await pruneBy(keepFor('15d')).remove(list)
      step(10 * DAY_MS)
      expect((await pruneBy(keepFor('15d')).remove(list)).map(dayOf)).to.deep.equal([9])
    })

    it('shows policies the time that ages count by', async () => {
      make(1)
      const shown: number[] = []
      const prune = pruneBy((_, { now }) => {
        shown.push(+now)
        return []
      })
      step(DAY_MS)
      await prune.remove(list)
      expect(shown[0]).to.equal(+dateOf(20))
    })

    it('makes no backup older than the time since it was stamped', async () => {
      const prune = pruneBy(keepFor('1d'))
      step(-7 * DAY_MS)
      make(13)
      prune.stamped(plainBackup(path(), dateOf(13), 0))
      step(7 * DAY_MS)
      clock.pass(DAY_MS)
      expect(await prune.remove(list)).to.deep.equal([])
      clock.pass(1)
      expect(await prune.remove(list)).to.have.length(1)
    })

    it('says nothing of a step of less than a minute, or one that changes nothing', async () => {
      make(9, 19)
      const prune = pruneBy(keepFor('11d'))
      step(60_000)
      await prune.remove(list)
      const others = pruneBy(keepNewest(5))
      step(1000 * DAY_MS)
      await others.remove(list)
      expect(warnings).to.deep.equal([])
    })
  })

  it('judges age by the name, not by the dates of the file', async () => {
    make(1, 19)
    fs.utimesSync(at(nameOf(1)), dateOf(19), dateOf(19))
    fs.utimesSync(at(nameOf(19)), dateOf(1), dateOf(1))
    await pruneBy(keepFor('10d')).remove(list)
    expect(await days()).to.deep.equal([19])
  })

  it('leaves alone a neighbour, a directory, a link and a pipe, however they are called', async () => {
    make(7)
    fs.writeFileSync(at('audit.log'), 'active\n')
    fs.writeFileSync(at('audit.log.foo'), 'foo\n')
    fs.mkdirSync(at(nameOf(1)))
    fs.symlinkSync(at('audit.log'), at(nameOf(2)))
    execFileSync('mkfifo', [at(nameOf(3))])
    fs.mkdirSync(at(`${nameOf(7)}.gz`))
    const before = fs.readdirSync(at())
    await pruneBy(keepNone).remove(list)
    expect(fs.readdirSync(at())).to.deep.equal(before.filter(name => name !== nameOf(7)))
    expect(warnings).to.deep.equal([])
  })

  it('leaves alone what took the place of a backup after it was listed', async () => {
    make(1, 2, 3)
    const backups = await list()
    for (const day of [1, 2]) fs.removeSync(at(nameOf(day)))
    fs.mkdirSync(at(nameOf(1)))
    fs.symlinkSync('nowhere', at(nameOf(2)))
    expect((await pruneBy(keepNone).remove(async () => backups)).map(dayOf)).to.deep.equal([3])
    expect(fs.readdirSync(at())).to.deep.equal([nameOf(1), nameOf(2)])
    expect(warnings).to.deep.equal([])
  })

  it('does not count an archive beside its source twice, and removes both or none', async () => {
    make(1, 2, 4)
    for (const day of [1, 3, 4]) fs.writeFileSync(at(`${nameOf(day)}.gz`), '')
    await pruneBy(keepNewest(3)).remove(list)
    const left = [nameOf(2), `${nameOf(3)}.gz`, nameOf(4), `${nameOf(4)}.gz`]
    expect(fs.readdirSync(at())).to.deep.equal(left)
    await pruneBy(keepNewest(1)).remove(list)
    expect(fs.readdirSync(at())).to.deep.equal(left.slice(2))
  })

  it('passes over backups that vanish, also right before the unlink; tells of no empty prune', async () => {
    make(1, 2, 3)
    const backups = await list()
    fs.removeSync(at(nameOf(1)))
    faulty.before('remove', () => fs.removeSync(at(nameOf(2))))
    expect(await pruneBy(keepNewest(1)).remove(async () => backups)).to.deep.equal([])
    expect({ pruned, warnings }).to.deep.equal({ pruned: [], warnings: [] })
    expect(await days()).to.deep.equal([3])
  })

  it('warns of a backup that cannot be removed, goes on with the rest, and tries again', async () => {
    make(1, 2, 3, 4)
    faulty.fail('remove', 'EACCES', { times: 1 })
    const prune = pruneBy(keepNewest(1))
    const removed = await prune.remove(list)
    expect(removed.map(dayOf)).to.deep.equal([2, 3])
    expect(await days()).to.deep.equal([4, 1])
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_PRUNE', path: at(nameOf(1)) })
    expect(warnings[0]?.cause).to.have.property('code', 'EACCES')
    expect((await prune.remove(list)).map(dayOf)).to.deep.equal([1])
  })

  it('keeps a backup whose archive cannot be removed: never the archive alone', async () => {
    make(1, 2)
    fs.writeFileSync(at(`${nameOf(1)}.gz`), '')
    faulty.before('remove', (file: string) => {
      if (file.endsWith('.gz')) throw systemError('EACCES')
    })
    expect(await pruneBy(keepNewest(1)).remove(list)).to.deep.equal([])
    expect(fs.readdirSync(at())).to.include.members([nameOf(1), `${nameOf(1)}.gz`])
    expect(warnings).to.have.length(1)
  })

  describe('asked about a policy that fails', () => {
    const lookalike: RetentionPolicy = ([first]) => [
      first!,
      plainBackup(path(), first!.time, first!.bytes),
    ]
    for (const [how, policy, reason] of [
      ['throws', fails, 'no idea'],
      [
        'gives up a stranger that looks like a backup',
        lookalike,
        'none of the backups it was shown',
      ],
      ['gives up the void', () => [undefined], 'none of the backups it was shown'],
      ['answers nothing', () => undefined, ''],
      ['answers a promise', async (backups: Backup[]) => backups, 'no promise'],
      [
        'throws on the way',
        function* (backups: Backup[]) {
          yield backups[0]
          throw new Error('halfway')
        },
        'halfway',
      ],
    ] as const) {
      it(`warns of one that ${how}, prunes nothing by it, and hears the others`, async () => {
        make(1, 2, 3)
        const wrong: RetentionPolicy = mistyped(policy)
        const removed = await pruneBy(wrong, keepNewest(2), wrong).remove(list)
        expect(removed.map(dayOf)).to.deep.equal([1])
        expect(await days()).to.deep.equal([3, 2])
        expect(warnings).to.have.length(2)
        expect(warnings[0]?.code).to.equal('ERR_ROLLKEEPER_POLICY')
        expect(warnings[0]?.message).to.include(reason)
        expect(warnings[0]?.cause).to.be.an.instanceOf(Error)
      })
    }
  })

  describe('of backups that are held', () => {
    const hold = (day: number): void => fs.writeFileSync(at(`${nameOf(day)}.hold`), 'why\n')

    it('spares them, also from a policy that gives up all', async () => {
      make(1, 2, 3)
      hold(2)
      expect((await pruneBy(keepNone).remove(list)).map(dayOf)).to.deep.equal([1, 3])
      expect(fs.readdirSync(at())).to.deep.equal([nameOf(2), `${nameOf(2)}.hold`])
      expect(warnings).to.deep.equal([])
    })

    for (const [name, ending] of [
      ['its name', '.hold'],
      ['the name of its archive', '.gz.hold'],
    ] as const) {
      it(`spares one whose hold, by ${name}, comes right before it is removed`, async () => {
        make(1, 2)
        abandon = async backup => {
          if (dayOf(backup) === 1) fs.writeFileSync(at(nameOf(1) + ending), '')
        }
        expect((await pruneBy(keepNone).remove(list)).map(dayOf)).to.deep.equal([2])
        expect(await days()).to.deep.equal([1])
        expect(warnings).to.deep.equal([])
      })
    }

    it('spares one whose hold nobody can look for, and warns', async () => {
      make(1)
      const backups = await list()
      faulty.fail('lstat', 'EIO')
      expect(await pruneBy(keepNone).remove(async () => backups)).to.deep.equal([])
      faulty.heal()
      expect(await days()).to.deep.equal([1])
      expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_PRUNE'])
    })

    it('removes one that was released', async () => {
      make(1)
      hold(1)
      const prune = pruneBy(keepNone)
      await prune.remove(list)
      fs.removeSync(at(`${nameOf(1)}.hold`))
      expect(await prune.remove(list)).to.have.length(1)
    })
  })

  describe('abandon', () => {
    it('is waited for before anything of a backup is removed', async () => {
      make(1, 2)
      fs.writeFileSync(at(`${nameOf(1)}.gz`), '')
      const abandoned: number[] = []
      faulty.before('remove', (file: string) => {
        expect(abandoned).to.include(file.includes(nameOf(1)) ? 1 : 2)
      })
      abandon = async backup => {
        await new Promise(setImmediate)
        expect(fs.existsSync(backup.path)).to.equal(true)
        abandoned.push(dayOf(backup))
      }
      await pruneBy(keepNone).remove(list)
      expect(abandoned).to.have.members([1, 2]).and.to.have.length(2)
      expect(warnings).to.deep.equal([])
      expect(fs.readdirSync(at())).to.deep.equal([])
    })

    it('is not asked for what stays', async () => {
      make(1, 2)
      const abandoned: number[] = []
      abandon = async backup => void abandoned.push(dayOf(backup))
      await pruneBy(keepNewest(1)).remove(list)
      expect(abandoned).to.deep.equal([1])
    })

    it('keeps the backup, with a warning, when it fails', async () => {
      make(1, 2)
      abandon = async backup => {
        if (dayOf(backup) === 1) throw new Error('busy')
      }
      expect((await pruneBy(keepNone).remove(list)).map(dayOf)).to.deep.equal([2])
      expect(warnings[0]?.message).to.include('busy')
    })

    it('may have left an archive, which goes with its source or instead of it', async () => {
      make(1, 2)
      const backups = await list()
      abandon = async ({ path: source }) => {
        fs.writeFileSync(`${source}.gz`, '')
        if (source.includes(nameOf(1))) fs.removeSync(source)
      }
      const removed = await pruneBy(keepNone).remove(async () => backups)
      expect(removed.map(dayOf)).to.deep.equal([1, 2])
      expect(fs.readdirSync(at())).to.deep.equal([])
    })
  })

  it('removes a backup whose archive vanishes right before its unlink', async () => {
    make(1)
    fs.writeFileSync(at(`${nameOf(1)}.gz`), '')
    faulty.before('remove', (file: string) => {
      if (file.endsWith('.gz')) fs.removeSync(file)
    })
    expect((await pruneBy(keepNone).remove(list)).map(dayOf)).to.deep.equal([1])
    expect(fs.readdirSync(at())).to.deep.equal([])
    expect(warnings).to.deep.equal([])
  })

  it('removes the oldest first, few at a time, so that what ends it has taken none out of turn', async () => {
    const all = Array.from({ length: 18 }, (_, index) => index + 1)
    make(...all)
    const removedDays: number[] = []
    let atOnce = 0
    let most = 0
    faulty.before('remove', async (file: string) => {
      most = Math.max(most, ++atOnce)
      await new Promise(setImmediate)
      removedDays.push(all.find(day => file === at(nameOf(day))) ?? NaN)
    })
    faulty.after('remove', () => atOnce--)
    await pruneBy(keepNewest(2)).remove(list)
    expect(removedDays).to.deep.equal(all.slice(0, 16))
    expect(most).to.be.within(2, 4)
  })

  it('works for one who asks after the other, each by a list of its own', async () => {
    make(1, 2, 3)
    const prune = pruneBy(keepNewest(1))
    let working = 0
    const listAlone = async (): Promise<readonly Backup[]> => {
      expect(++working).to.equal(1)
      await new Promise(setImmediate)
      return list()
    }
    faulty.before('remove', async () => {
      await new Promise(setImmediate)
      expect(working).to.equal(1)
    })
    const first = prune.remove(listAlone).finally(() => working--)
    const second = prune.remove(listAlone).finally(() => working--)
    let isOver = false
    const idle = prune.idle().then(() => (isOver = true))
    await new Promise(setImmediate)
    expect(isOver).to.equal(false)
    expect((await first).map(dayOf)).to.deep.equal([1, 2])
    expect(await second).to.deep.equal([])
    await idle
    expect(pruned).to.have.length(1)
    expect(warnings).to.deep.equal([])
  })

  it('is rejected where the list is, and works for who asks next', async () => {
    make(1)
    const prune = pruneBy(keepNone)
    const failed = prune.remove(() => Promise.reject(new Error('no list')))
    const worked = prune.remove(list)
    expect(await failed.catch(String)).to.include('no list')
    expect(await worked).to.have.length(1)
    await prune.idle()
  })

  it('takes the disk for free where it cannot tell how free it is, and warns', async () => {
    make(1, 2)
    faulty.fail('freeBytes', 'ENOSYS')
    const shown: number[] = []
    const asked: RetentionPolicy = (_, { freeBytes }) => {
      shown.push(freeBytes)
      return []
    }
    await pruneBy(asked, keepFree('1TB')).remove(list)
    expect(new Set(shown)).to.deep.equal(new Set([Infinity]))
    expect(await days()).to.deep.equal([2, 1])
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_PRUNE', path: at() })
  })

  describe('while nothing happens', () => {
    const HOUR_MS = 3_600_000
    let waits: number[]
    beforeEach(() => {
      waits = []
      const after = clock.after.bind(clock)
      clock.after = (waitMs, callback) => {
        waits.push(waitMs)
        return after(waitMs, callback)
      }
    })

    /** Lets time pass until it is due. */
    const passToNextLook = (): void => {
      expect(clock.waiting).to.equal(1)
      const before = due
      clock.pass(waits.at(-1)! - 1)
      expect(due).to.equal(before)
      clock.pass(1)
      expect(due).to.equal(before + 1)
    }

    it('is due within a tenth of a second when time alone makes a policy give up a backup', async () => {
      make(20)
      for (const minutes of [1, 7, 30, 59]) {
        clock.set('2016-09-20T00:00:00.000Z')
        const prune = pruneBy(keepFor({ minutes }))
        expect(await prune.remove(list)).to.deep.equal([])
        expect(waits.at(-1)).to.be.within(minutes * 60_000 + 1, minutes * 60_000 + 101)
        prune.stop()
      }
    })

    it('finds that moment by asking the policies few times', async () => {
      make(20)
      let asked = 0
      const counted: RetentionPolicy = (backups, moment) => {
        asked++
        return keepFor('30m')(backups, moment)
      }
      await pruneBy(counted).remove(list)
      expect(asked).to.be.within(10, 20)
    })

    it('is due every hour where none is given up sooner, for what others do meanwhile', async () => {
      make(20)
      const prune = pruneBy(keepFor('49h'), keepNewest(2))
      for (let hour = 0; hour < 49; hour++) {
        expect(await prune.remove(list)).to.deep.equal([])
        passToNextLook()
        expect(waits.at(-1)).to.equal(HOUR_MS)
      }
      expect(await prune.remove(list)).to.deep.equal([])
      expect(waits.at(-1)).to.be.within(1, 101)
      passToNextLook()
      expect(await prune.remove(list)).to.have.length(1)
      expect(clock.waiting).to.equal(0)
    })

    it('is due for one backup after the other', async () => {
      fs.writeFileSync(at('audit-2016-09-19T23-30-00.000.log'), '')
      fs.writeFileSync(at('audit-2016-09-19T23-50-00.000.log'), '')
      make(20)
      const prune = pruneBy(keepFor('45m'))
      for (const left of [3, 2, 1]) {
        expect(await prune.remove(list)).to.have.length(left === 3 ? 0 : 1)
        expect(await days()).to.have.length(left)
        passToNextLook()
      }
      expect(await prune.remove(list)).to.have.length(1)
      expect(waits.map(waitMs => Math.floor(waitMs / 60_000))).to.deep.equal([15, 19, 9])
    })

    it('is due when running time has made a backup old, wherever the clock was set', async () => {
      make(20)
      for (const time of ['2016-12-01T00:00:00.000Z', '2016-09-20T00:00:00.000Z']) {
        const prune = pruneBy(keepFor('30m'))
        clock.set(time)
        expect(await prune.remove(list)).to.deep.equal([])
        expect(waits.at(-1)).to.be.within(1_800_001, 1_800_101)
        clock.set('2016-09-20T00:00:00.000Z')
        prune.stop()
      }
    })

    it('finds the moment by a running time that comes in pieces, without going round', async () => {
      make(20)
      clock.running = () => Math.floor((clock.now() - +dateOf(20)) / 1000) * 1000
      clock.pass(999)
      const prune = pruneBy(keepFor('30m'))
      clock.pass(1)
      let passes = 0
      while ((await prune.remove(list)).length === 0 && passes++ < 30) clock.pass(waits.at(-1)!)
      expect(passes).to.be.within(1, 25)
      expect(clock.now() - +dateOf(20)).to.be.within(1_800_001, 1_801_201)
    })

    it('shows policies what is free as it was when they were asked', async () => {
      make(1, 20)
      const shown = new Set<number>()
      const look: RetentionPolicy = (_, { freeBytes }) => {
        shown.add(freeBytes)
        return []
      }
      await pruneBy(look).remove(list)
      expect(shown).to.have.property('size', 1)
      expect(faulty.calls.filter(call => call === 'freeBytes')).to.have.length(1)
    })

    it('counts what it removed as free when it plans the next look', async () => {
      make(1, 2, 20)
      faulty = new FaultyDisk({ ...systemDisk, freeBytes: async () => 100 })
      expect(await pruneBy(keepFree(102)).remove(list)).to.have.length(1)
      expect(waits).to.deep.equal([HOUR_MS])
    })

    it('has one timer, however often it was asked', async () => {
      make(20)
      const prune = pruneBy(keepFor('30d'))
      for (let pass = 0; pass < 3; pass++) {
        await prune.remove(list)
        expect(clock.waiting).to.equal(1)
      }
    })

    it('has none where there is nothing to wait for', async () => {
      make(20)
      await pruneBy().remove(list)
      await pruneBy(keepNone).remove(list)
      await pruneBy(keepNone).remove(list)
      expect(clock.waiting).to.equal(0)
    })

    it('leaves the disk alone until it is due', async () => {
      make(20)
      await pruneBy(keepFor('30m')).remove(list)
      faulty.calls.length = 0
      clock.pass(DAY_MS)
      expect(due).to.equal(1)
      expect(faulty.calls).to.deep.equal([])
    })

    it('tries again in a minute what it could not remove', async () => {
      make(1, 20)
      faulty.fail('remove', 'EACCES', { times: 1 })
      const prune = pruneBy(keepNewest(1))
      expect(await prune.remove(list)).to.deep.equal([])
      expect(waits).to.deep.equal([60_000])
      passToNextLook()
      expect(await prune.remove(list)).to.have.length(1)
      expect(waits.at(-1)).to.equal(HOUR_MS)
    })

    it('looks again in a minute at what it passed over', async () => {
      make(20)
      abandon = async () => fs.writeFileSync(at(`${nameOf(20)}.hold`), '')
      const prune = pruneBy(keepNone)
      await prune.remove(list)
      expect(waits).to.deep.equal([60_000])
      passToNextLook()
      await prune.remove(list)
      expect(waits).to.deep.equal([60_000, HOUR_MS]) // somebody may release it
    })

    it('does not plan for what is held', async () => {
      make(20)
      fs.writeFileSync(at(`${nameOf(20)}.hold`), '')
      await pruneBy(keepFor('30m')).remove(list)
      expect(waits).to.deep.equal([HOUR_MS])
    })

    it('looks again in a minute after a pass that somebody else saw fail', () => {
      const prune = pruneBy(keepNone)
      prune.lookLater()
      prune.lookLater()
      expect(waits.at(-1)).to.equal(60_000)
      passToNextLook()
    })

    it('does not repeat the warning of a policy that fails', async () => {
      make(20)
      await pruneBy(fails, keepFor('30m')).remove(list)
      passToNextLook()
      expect(warnings).to.have.length(1)
    })

    it('is not due any more once it is stopped, also when it was at work then', async () => {
      make(20)
      const prune = pruneBy(keepFor('30d'))
      await prune.remove(list)
      const working = prune.remove(list)
      prune.stop()
      await working
      prune.lookLater()
      expect(clock.waiting).to.equal(0)
      clock.pass(40 * DAY_MS)
      expect(due).to.equal(0)
    })
  })
})
