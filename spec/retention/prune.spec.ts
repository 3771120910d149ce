import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import { listBackups } from '../../lib/backup/catalogue.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { Prune } from '../../lib/retention/prune.js'
import { keepFor, keepNewest, type RetentionPolicy } from '../../lib/retention/retention-policy.js'
import { mistyped } from '../audit/mistyped.js'
import { FaultyDisk } from '../support/faulty-disk.js'
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
    faulty.fail('remove', 'EACCES', { times: 1 })
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

  describe('while nothing happens', () => {
    it('is due when time alone makes a policy give up a backup, also after 30 days', async () => {
      make(20)
      const prune = pruneBy(keepFor({ days: 30 }))
      await prune.remove(list)
      clock.pass(30 * DAY_MS)
      expect(due).to.equal(0)
      clock.pass(101)
      expect(due).to.equal(1)
      expect(await prune.remove(list)).to.have.length(1)
    })

    it('is due again and again, for one backup after the other', async () => {
      make(18, 19, 20)
      const prune = pruneBy(keepFor('3d'))
      await prune.remove(list)
      for (const [index, left] of [[20, 19], [20], []].entries()) {
        clock.pass(index === 0 ? DAY_MS + 101 : DAY_MS)
        expect(due).to.equal(index + 1)
        await prune.remove(list)
        expect(await days()).to.deep.equal(left)
      }
    })

    it('is due within an hour of a clock that was set forward, and not while it was set back', async () => {
      make(20)
      await pruneBy(keepFor('30d')).remove(list)
      clock.set('2016-09-01T00:00:00.000Z')
      clock.pass(30 * DAY_MS)
      expect(due).to.equal(0)
      clock.set('2016-12-01T00:00:00.000Z')
      clock.pass(3_600_000)
      expect(due).to.equal(1)
    })

    it('never sets a timer longer than 32 bits of milliseconds, and one at a time', async () => {
      make(20)
      const after = clock.after.bind(clock)
      clock.after = (waitMs, callback) => {
        expect(waitMs).to.be.within(1, 2 ** 31 - 1)
        return after(waitMs, callback)
      }
      const prune = pruneBy(keepFor('400d'))
      for (let pass = 0; pass < 3; pass++) {
        await prune.remove(list)
        clock.pass(DAY_MS)
        expect(clock.waiting).to.equal(1)
      }
    })

    it('leaves the disk alone until it is due', async () => {
      make(20)
      await pruneBy(keepFor('30d')).remove(list)
      faulty.calls.length = 0
      clock.pass(30 * DAY_MS)
      expect(faulty.calls).to.deep.equal([])
    })

    it('does not repeat the warning of a policy that fails', async () => {
      make(20)
      await pruneBy(fails, keepFor('30d')).remove(list)
      clock.pass(31 * DAY_MS)
      expect(due).to.equal(1)
      expect(warnings).to.have.length(1)
    })

    it('is not due any more once it is stopped', async () => {
      make(20)
      const prune = pruneBy(keepFor('30d'))
      await prune.remove(list)
      prune.stop()
      expect(clock.waiting).to.equal(0)
      clock.pass(40 * DAY_MS)
      expect(due).to.equal(0)
    })
  })
})
