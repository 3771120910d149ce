import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { RollkeeperError, systemCode } from '../../lib/platform/rollkeeper-error.js'
import { keepFor, keepNewest, type RetentionPolicy } from '../../lib/retention/retention-policy.js'
import { Upkeep } from '../../lib/retention/upkeep.js'
import { mistyped } from '../audit/mistyped.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const keepNone: RetentionPolicy = backups => backups
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('Upkeep', () => {
  const at = temporaryDirectory()
  let clock: ManualClock
  let faulty: FaultyDisk
  let upkeeps: Upkeep[]
  let listed: (readonly Backup[])[]
  let archived: Backup[]
  let pruned: Backup[][]
  let warnings: RollkeeperError[]
  beforeEach(() => {
    clock = new ManualClock('2016-09-20T00:00:00.000Z')
    faulty = new FaultyDisk()
    upkeeps = []
    listed = []
    archived = []
    pruned = []
    warnings = []
  })
  afterEach(async () => {
    for (const upkeep of upkeeps) {
      await upkeep.idle()
      upkeep.stop()
    }
  })

  const dateOf = (day: number): Date => new Date(Date.UTC(2016, 8, day))
  const nameOf = (day: number): string => formatBackupName('audit.log', dateOf(day))
  const holdOf = (day: number): string => `${nameOf(day)}.hold`
  const dayOf = ({ time }: Backup): number => time.getUTCDate()
  const backupOf = (day: number): Backup => plainBackup(at('audit.log'), dateOf(day), 2)
  const names = (): string[] => fs.readdirSync(at()).sort()
  const isHold = (name: string): boolean => /^[^.].*\.hold$/.test(name)

  /** Backups of days of September 2016. */
  const make = (...days: number[]): void => {
    for (const day of days) fs.writeFileSync(at(nameOf(day)), `${day}\n`)
  }

  const open = (policy?: RetentionPolicy, gzipLevel?: number): Upkeep => {
    const rules = policy ? [{ name: 'option retention', policy }] : []
    const options = { path: at('audit.log'), rules, gzipLevel }
    const upkeep = new Upkeep({ disk: faulty.disk, clock }, options, {
      listed: ({ backups }) => listed.push(backups),
      archived: archive => archived.push(archive),
      pruned: backups => pruned.push(backups),
      warn: error => warnings.push(error),
      isBusy: () => false,
    })
    upkeeps.push(upkeep)
    return upkeep
  }

  /** What a hold or a release is rejected with. */
  const rejection = async (promise: Promise<void>): Promise<RollkeeperError> => {
    const error: unknown = await promise.then(
      () => undefined,
      (cause: unknown) => cause,
    )
    if (!(error instanceof RollkeeperError)) throw new Error(`rejected with ${String(error)}`)
    return error
  }

  it('removes what a crash left of archives in the making, also where none are made', async () => {
    make(7)
    const left = `.${nameOf(7)}.gz.tmp`
    const foreign = `.${nameOf(7)}.tmp`
    for (const name of [left, foreign]) fs.writeFileSync(at(name), 'half')
    await open().request()
    expect(names()).to.deep.equal([foreign, nameOf(7)].sort())
    expect(warnings).to.deep.equal([])
  })

  describe('of a directory that others may write to', () => {
    it('warns once that anybody may', async () => {
      fs.chmodSync(at(), 0o777)
      const upkeep = open()
      await upkeep.request()
      await upkeep.backups()
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_PATH', path: at('audit.log') })
      expect(warnings[0]?.message).to.include(`anybody may write to ${at()}`)
    })

    it('does not warn of a sticky one, where nobody else may delete or rename', async () => {
      fs.chmodSync(at(), 0o1777)
      await open().request()
      expect(warnings).to.deep.equal([])
    })

    it('looks at the directory that a link leads to', () => {
      fs.chmodSync(at(), 0o777)
      fs.mkdirSync(at('elsewhere'), { mode: 0o700 })
      fs.symlinkSync(at('elsewhere'), at('logs'))
      const own = new Upkeep(
        { disk: faulty.disk, clock },
        { path: at('logs', 'audit.log'), rules: [], gzipLevel: undefined },
        {
          listed: () => {},
          archived: () => {},
          pruned: () => {},
          warn: error => warnings.push(error),
          isBusy: () => false,
        },
      )
      upkeeps.push(own)
      expect(warnings).to.deep.equal([])
    })

    it('says nothing of it where it cannot look', () => {
      fs.chmodSync(at(), 0o777)
      faulty.fail('stat', 'EACCES')
      open()
      expect(warnings).to.deep.equal([])
    })
  })

  describe('backups', () => {
    it('lists them newest first, and tells the owner of each listing', async () => {
      make(1, 3, 2)
      const upkeep = open()
      expect((await upkeep.backups()).map(dayOf)).to.deep.equal([3, 2, 1])
      expect(listed.map(backups => backups.map(dayOf))).to.deep.equal([[3, 2, 1]])
    })

    it('gives a list that the caller may change', async () => {
      make(1, 2)
      const upkeep = open()
      ;(await upkeep.backups()).pop()
      expect((await upkeep.backups()).map(dayOf)).to.deep.equal([2, 1])
    })

    it('is rejected with what the system says', async () => {
      faulty.fail('entries', 'EIO', { times: 1 })
      expect(await open().backups().catch(systemCode)).to.equal('EIO')
    })

    it('warns once of a hold that holds nothing', async () => {
      make(1)
      fs.writeFileSync(at(holdOf(7)), '')
      fs.writeFileSync(at(holdOf(1)), '')
      const upkeep = open()
      await upkeep.backups()
      await upkeep.backups()
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_HOLD', path: at(holdOf(7)) })
    })
  })

  describe('request', () => {
    it('archives, then prunes, and tells of both', async () => {
      make(1, 2, 3)
      await open(keepNewest(2), 6).request()
      expect(archived.map(dayOf)).to.deep.equal([3, 2, 1])
      expect(pruned.map(backups => backups.map(dayOf))).to.deep.equal([[1]])
      expect(names()).to.deep.equal([`${nameOf(2)}.gz`, `${nameOf(3)}.gz`])
      expect(gunzipSync(fs.readFileSync(at(`${nameOf(3)}.gz`))).toString()).to.equal('3\n')
      expect(warnings).to.deep.equal([])
    })

    it('makes no archives where none are wanted', async () => {
      make(1)
      await open(keepNewest(2)).request()
      expect(names()).to.deep.equal([nameOf(1)])
    })

    it('clears away what a crash left of an archive in the making', async () => {
      fs.writeFileSync(at(`.${nameOf(1)}.gz.tmp`), 'half')
      fs.writeFileSync(at(`.${formatBackupName('other.log', dateOf(1))}.gz.tmp`), 'of others')
      await open(undefined, 6).request()
      expect(names()).to.deep.equal([`.${formatBackupName('other.log', dateOf(1))}.gz.tmp`])
    })

    it('archives what is held as well', async () => {
      make(1)
      fs.writeFileSync(at(holdOf(1)), 'why\n')
      const upkeep = open(keepNone, 6)
      await upkeep.request()
      expect(names()).to.deep.equal([`${nameOf(1)}.gz`, holdOf(1)])
      expect((await upkeep.backups())[0]).to.include({ held: 'why', archived: true })
    })

    it('warns where the directory cannot be read, and looks again within an hour', async () => {
      make(1)
      faulty.fail('entries', 'EIO')
      const upkeep = open(keepNone)
      await upkeep.request()
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.include({ code: 'ERR_ROLLKEEPER_PRUNE', path: at('audit.log') })
      faulty.heal()
      clock.pass(3_600_000)
      await upkeep.idle()
      expect(pruned).to.have.length(1)
    })

    it('comes again by itself when time has made a policy give up a backup', async () => {
      make(20)
      const upkeep = open(keepFor('30m'))
      await upkeep.request()
      clock.pass(30 * 60_000 + 101)
      expect(upkeep.isIdle).to.equal(false)
      await upkeep.idle()
      expect(pruned.map(backups => backups.map(dayOf))).to.deep.equal([[20]])
    })

    it('comes no more by itself after it was stopped', async () => {
      make(20)
      const upkeep = open(keepFor('30m'), 6)
      await upkeep.request()
      upkeep.stop()
      expect(clock.waiting).to.equal(0)
    })
  })

  describe('prune', () => {
    it('removes what the rules give up, and returns it, oldest first', async () => {
      make(1, 2, 3)
      const removed = await open(keepNewest(1)).prune()
      expect(removed.map(dayOf)).to.deep.equal([1, 2])
      expect(pruned).to.deep.equal([removed])
    })

    it('is rejected where the directory cannot be read', async () => {
      faulty.fail('entries', 'EIO', { times: 1 })
      expect(await open(keepNone).prune().catch(systemCode)).to.equal('EIO')
    })
  })

  describe('makeRoom', () => {
    it('prunes, and only warns where it cannot', async () => {
      make(1, 2)
      const upkeep = open(keepNewest(1))
      faulty.fail('entries', 'EIO', { times: 1 })
      await upkeep.makeRoom()
      expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_PRUNE'])
      await upkeep.makeRoom()
      expect(names()).to.deep.equal([nameOf(2)])
    })
  })

  describe('hold', () => {
    it('exempts a backup from every rule, a policy that gives up all too', async () => {
      make(1, 2, 3)
      const upkeep = open(keepNone)
      await upkeep.hold(backupOf(2), '  a lawsuit ')
      expect((await upkeep.prune()).map(dayOf)).to.deep.equal([1, 3])
      expect(names()).to.deep.equal([nameOf(2), holdOf(2)])
      expect(fs.readFileSync(at(holdOf(2)), 'utf8')).to.equal('a lawsuit\n')
      expect((await upkeep.backups())[0]).to.include({ held: 'a lawsuit' })
    })

    it('survives a restart', async () => {
      make(1)
      await open(keepNone).hold(backupOf(1), 'why')
      await open(keepNone).request()
      expect(names()).to.deep.equal([nameOf(1), holdOf(1)])
    })

    it('says why it is held by the last reason that was given', async () => {
      make(1)
      const upkeep = open(keepNone)
      await upkeep.hold(backupOf(1), 'one')
      await upkeep.hold(backupOf(1), 'two')
      expect((await upkeep.backups())[0]?.held).to.equal('two')
    })

    it('does so also where the backup was held before it was an archive', async () => {
      make(1)
      const upkeep = open(keepNone, 6)
      await upkeep.hold(backupOf(1), 'one')
      await upkeep.request()
      await upkeep.hold(backupOf(1), 'two')
      expect((await upkeep.backups())[0]).to.include({ held: 'two', archived: true })
      expect(names()).to.deep.equal([`${nameOf(1)}.gz`, `${nameOf(1)}.gz.hold`])
    })

    it('holds a backup that has become an archive since it was listed, and the reverse', async () => {
      fs.writeFileSync(at(`${nameOf(1)}.gz`), gzipSync('1\n'))
      make(2)
      const upkeep = open(keepNone)
      await upkeep.hold(backupOf(1), 'archived meanwhile')
      const path = at(`${nameOf(2)}.gz`)
      const unpacked = { ...backupOf(2), path, name: `${nameOf(2)}.gz`, archived: true }
      await upkeep.hold(unpacked, 'unpacked by hand')
      await upkeep.prune()
      const expected = [`${nameOf(1)}.gz`, `${nameOf(1)}.gz.hold`, nameOf(2), holdOf(2)]
      expect(names()).to.deep.equal(expected)
    })

    it('goes by the path alone: what else comes from outside may be missing or wrong', async () => {
      fs.writeFileSync(at(`${nameOf(1)}.gz`), gzipSync('1\n'))
      const upkeep = open(keepNone)
      await upkeep.hold(mistyped({ path: at(`${nameOf(1)}.gz`) }), 'why')
      expect(names()).to.deep.equal([`${nameOf(1)}.gz`, `${nameOf(1)}.gz.hold`])
      await upkeep.release(mistyped({ path: at(`${nameOf(1)}.gz`), archived: 'no' }))
      await upkeep.idle()
      expect(names()).to.deep.equal([])
    })

    it('holds many at once, each for its own reason', async () => {
      const days = Array.from({ length: 20 }, (_, index) => index + 1)
      make(...days)
      const upkeep = open(keepNone)
      await Promise.all(days.map(day => upkeep.hold(backupOf(day), `day ${day}`)))
      const backups = await upkeep.backups()
      expect(backups.map(({ held }) => held)).to.deep.equal(
        days.toReversed().map(day => `day ${day}`),
      )
    })

    it('is held in the order of the calls: the last one counts', async () => {
      make(1, 2)
      const upkeep = open()
      await Promise.all([
        upkeep.hold(backupOf(1), 'one'),
        upkeep.release(backupOf(1)),
        upkeep.hold(backupOf(2), 'one'),
        upkeep.release(backupOf(2)),
        upkeep.hold(backupOf(2), 'two'),
      ])
      const held = (await upkeep.backups()).map(backup => backup.held)
      expect(held).to.deep.equal(['two', undefined])
    })

    it('is over before the upkeep is idle', async () => {
      make(1)
      const upkeep = open()
      void upkeep.hold(backupOf(1), 'why')
      await upkeep.idle()
      expect(names()).to.deep.equal([nameOf(1), holdOf(1)])
      expect(faulty.calls).to.include('syncDirectory')
    })

    it('is refused where the backup is gone, or something else stands there, and leaves nothing', async () => {
      fs.mkdirSync(at(nameOf(2)))
      fs.symlinkSync('nowhere', at(nameOf(3)))
      for (const day of [1, 2, 3]) {
        const error = await rejection(open().hold(backupOf(day), 'why'))
        expect(error).to.include({ code: 'ERR_ROLLKEEPER_HOLD', path: at(nameOf(day)) })
        expect(error.message).to.include('gone')
      }
      expect(names()).to.deep.equal([nameOf(2), nameOf(3)])
    })

    it('is refused where the system refuses, and the next one works', async () => {
      make(1, 2)
      faulty.fail('create', 'EROFS', { times: 1 })
      const upkeep = open()
      const refused = rejection(upkeep.hold(backupOf(1), 'why'))
      const held = upkeep.hold(backupOf(2), 'why')
      const error = await refused
      expect(error).to.include({ code: 'ERR_ROLLKEEPER_HOLD' })
      expect(error.cause).to.have.property('code', 'EROFS')
      await held
      expect(names()).to.deep.equal([nameOf(1), nameOf(2), holdOf(2)].sort())
    })

    const strangers: [string, () => unknown][] = [
      ['nothing', () => undefined],
      ['null', () => null],
      ['a path', () => at(nameOf(1))],
      ['an object without a path', () => ({ ...backupOf(1), path: undefined })],
      ['the active file', () => ({ ...backupOf(1), path: at('audit.log') })],
      [
        'a foreign file under the name of a backup',
        () => ({ ...backupOf(1), path: at('precious') }),
      ],
      ['a backup of another log', () => plainBackup(at('other.log'), dateOf(1), 0)],
      ['a backup of another directory', () => plainBackup(at('x', 'audit.log'), dateOf(1), 0)],
      ['a hold', () => ({ ...backupOf(1), path: at(holdOf(1)) })],
    ]
    for (const [what, stranger] of strangers) {
      it(`takes ${what} for no backup, and touches nothing`, async () => {
        make(1)
        for (const name of ['audit.log', 'audit.log.hold', 'precious', 'precious.hold']) {
          fs.writeFileSync(at(name), '')
        }
        const before = names()
        const upkeep = open()
        for (const [name, call] of [
          ['hold(backup)', upkeep.hold(mistyped(stranger()), 'why')],
          ['release(backup)', upkeep.release(mistyped(stranger()))],
        ] as const) {
          const error = await call.catch((cause: unknown) => cause)
          expect(error).to.be.an.instanceOf(TypeError)
          expect(String(error)).to.include(`${name}: expected a backup of ${at('audit.log')}`)
        }
        expect(names()).to.deep.equal(before)
      })
    }

    for (const why of ['', ' \n', undefined, null, 42, {}]) {
      it(`takes ${JSON.stringify(why)} for no reason`, async () => {
        make(1)
        const error = await open()
          .hold(backupOf(1), mistyped(why))
          .catch((cause: unknown) => cause)
        expect(error).to.be.an.instanceOf(TypeError)
        expect(String(error)).to.include('hold(why): expected the reason')
        expect(names()).to.deep.equal([nameOf(1)])
      })
    }
  })

  describe('hold, while a prune is at work', () => {
    /**
     * Lets a hold begin when a prune makes a call, and sees how both end.
     *
     * @param wait how many turns the call is held up then; or until the hold stands; or until it has
     *   had all the time that it needs, if it waits for nothing else.
     */
    const race = async (
      moment: 'before' | 'after',
      call: 'entries' | 'freeBytes' | 'remove',
      wait: number | 'until it stands' | 'until it is synced',
    ): Promise<'held' | 'gone'> => {
      make(1)
      fs.writeFileSync(at(`${nameOf(1)}.gz`), gzipSync('1\n')) // so that it takes two removals
      const upkeep = open(keepNone)
      let held: Promise<'held' | RollkeeperError> | undefined
      let isSynced = false
      faulty.after('syncDirectory', () => (isSynced = true))
      faulty[moment](call, async () => {
        faulty.heal(call)
        held = upkeep.hold(backupOf(1), 'why').then(
          () => 'held' as const,
          (error: RollkeeperError) => error,
        )
        if (typeof wait === 'number') for (let turns = 0; turns < wait; turns++) await turn()
        else while (!names().some(isHold) || (wait !== 'until it stands' && !isSynced)) await turn()
        if (isSynced) for (let turns = 0; turns < 20; turns++) await turn()
      })
      await upkeep.prune()
      const end = await held
      await upkeep.prune()
      await upkeep.idle()
      if (end === 'held') {
        expect(names()).to.include.oneOf([nameOf(1), `${nameOf(1)}.gz`])
        expect((await upkeep.backups())[0]).to.include({ held: 'why' })
        return 'held'
      }
      expect(end).to.include({ code: 'ERR_ROLLKEEPER_HOLD' })
      expect(names()).to.deep.equal([])
      return 'gone'
    }

    for (const wait of [0, 1, 3, 30, 'until it stands', 'until it is synced'] as const) {
      for (const [moment, call] of [
        ['before', 'entries'],
        ['after', 'entries'],
        ['before', 'freeBytes'],
        ['after', 'freeBytes'],
        ['before', 'remove'],
        ['after', 'remove'],
      ] as const) {
        it(`is held and kept, or rejected and gone: ${moment} ${call}, ${wait}`, async () => {
          await race(moment, call, wait)
        })
      }
    }

    it('is honoured when it stands before the look right before the removal', async () => {
      expect(await race('after', 'freeBytes', 'until it stands')).to.equal('held')
    })

    it('is rejected when the removal has begun, and leaves no hold of nothing', async () => {
      expect(await race('before', 'remove', 'until it is synced')).to.equal('gone')
      expect(warnings.filter(({ code }) => code !== 'ERR_ROLLKEEPER_HOLD')).to.deep.equal([])
    })

    it('is held by hand between the choice and the removal', async () => {
      make(1, 2)
      const upkeep = open(all => {
        fs.writeFileSync(at(holdOf(1)), 'by hand\n')
        return all
      })
      expect((await upkeep.prune()).map(dayOf)).to.deep.equal([2])
      expect((await upkeep.backups())[0]).to.include({ held: 'by hand' })
    })

    it('is held where the removal of the backup fails', async () => {
      make(1)
      const upkeep = open(keepNone)
      let held: Promise<void> | undefined
      faulty.before('remove', () => {
        held = upkeep.hold(backupOf(1), 'why')
        throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
      })
      await upkeep.prune()
      await held
      expect(names()).to.deep.equal([nameOf(1), holdOf(1)])
    })
  })

  describe('release', () => {
    it('gives a backup back to the rules, at once', async () => {
      make(1)
      const upkeep = open(keepNone)
      await upkeep.hold(backupOf(1), 'why')
      await upkeep.prune()
      await upkeep.release(backupOf(1))
      await upkeep.idle()
      expect(names()).to.deep.equal([])
      expect(pruned).to.have.length(1)
    })

    it('undoes a hold that somebody made by hand, by either name', async () => {
      make(1)
      fs.writeFileSync(at(`${nameOf(1)}.gz.hold`), '')
      fs.writeFileSync(at(holdOf(1)), '')
      await open().release(backupOf(1))
      expect(names()).to.deep.equal([nameOf(1)])
    })

    it('takes one that is not held, or gone, for released, and asks for no pass', async () => {
      make(1)
      const upkeep = open()
      await upkeep.release(backupOf(1))
      await upkeep.release(backupOf(2))
      expect(upkeep.isIdle).to.equal(true)
      expect(names()).to.deep.equal([nameOf(1)])
    })

    it('is refused where the system refuses, and the backup stays held', async () => {
      make(1)
      const upkeep = open(keepNone)
      await upkeep.hold(backupOf(1), 'why')
      faulty.fail('unlink', 'EPERM')
      const error = await rejection(upkeep.release(backupOf(1)))
      expect(error).to.include({ code: 'ERR_ROLLKEEPER_HOLD', path: at(nameOf(1)) })
      expect(error.cause).to.have.property('code', 'EPERM')
      await upkeep.prune()
      expect(names()).to.deep.equal([nameOf(1), holdOf(1)])
    })
  })

  it('abandons what is being archived before it removes it', async () => {
    make(1)
    fs.appendFileSync(at(nameOf(1)), 'x'.repeat(5_000_000) + '\n')
    const upkeep = open(keepNone, 1)
    const begun = new Promise<void>(resolve => {
      faulty.before('readLater', () => {
        faulty.heal('readLater')
        resolve()
      })
    })
    const pass = upkeep.request()
    await begun
    expect((await upkeep.prune()).map(dayOf)).to.deep.equal([1])
    expect(names()).to.deep.equal([])
    await pass
    expect(archived).to.deep.equal([])
    expect(names()).to.deep.equal([])
  })
})
