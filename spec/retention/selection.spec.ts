import { expect } from 'chai'
import * as fc from 'fast-check'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { TimeSlice } from '../../lib/platform/time-slice.js'
import type { RetentionPolicy } from '../../lib/retention/retention-policy.js'
import { select, type RetentionRule } from '../../lib/retention/selection.js'
import { mistyped } from '../audit/mistyped.js'

const AT = { now: new Date('2016-09-07T13:03:57.400Z'), freeBytes: 42 }

/** Backups of these times, newest first. */
const backupsOf = (...times: number[]): Backup[] =>
  times
    .toSorted((one, other) => other - one)
    .map(time => plainBackup('/logs/audit.log', new Date(time), 1))

const keepNone: RetentionPolicy = backups => backups
const timesOf = (backups: Iterable<Backup>): number[] => Array.from(backups, ({ time }) => +time)

describe('select', () => {
  let warnings: RollkeeperError[]
  beforeEach(() => {
    warnings = []
  })

  const selectBy = (
    backups: readonly Backup[],
    rules: Readonly<Record<string, RetentionPolicy>>,
  ): Promise<Map<Backup, string>> => {
    const list: RetentionRule[] = Object.entries(rules).map(([name, policy]) => ({ name, policy }))
    return select(list, backups, AT, new TimeSlice(), error => warnings.push(error))
  }

  it('selects what any rule gives up, each by the name of the first that did', async () => {
    const backups = backupsOf(1, 2, 3, 4)
    const selected = await selectBy(backups, {
      none: () => [],
      odd: all => all.filter(({ time }) => +time % 2 === 1),
      old: all => all.slice(2),
    })
    expect([...selected]).to.deep.equal([
      [backups[1], 'odd'],
      [backups[3], 'odd'],
      [backups[2], 'old'],
    ])
    for (const backup of selected.keys()) expect(backups).to.include(backup)
  })

  it('shows each rule the moment, and all backups, newest first', async () => {
    const backups = backupsOf(1, 2, 3)
    const shown: unknown[] = []
    const look: RetentionPolicy = (all, moment) => {
      shown.push(timesOf(all), moment)
      return []
    }
    await selectBy(backups, { one: look, other: look })
    expect(shown).to.deep.equal([[3, 2, 1], AT, [3, 2, 1], AT])
  })

  for (const [what, meddle] of [
    ['reorder', (all: Backup[]) => all.sort((one, other) => +one.time - +other.time)],
    ['cut', (all: Backup[]) => all.splice(0, 1)],
  ] as const) {
    it(`lets no rule ${what} the list for the next one, nor for us`, async () => {
      const backups = backupsOf(1, 2, 3)
      const selected = await selectBy(backups, {
        meddles: all => meddle(mistyped(all)),
        newest: all => all.slice(0, 1),
      })
      expect([...selected]).to.deep.equal([[backups[0], 'newest']])
      expect(timesOf(backups)).to.deep.equal([3, 2, 1])
      expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_POLICY'])
    })
  }

  it('selects none that is held, for whatever reason, also where a rule gives up all', async () => {
    const [free, held, silent] = backupsOf(1, 2, 3)
    const backups = [free!, { ...held!, held: 'a lawsuit' }, { ...silent!, held: '' }]
    const selected = await selectBy(backups, { keepNone, again: keepNone })
    expect([...selected]).to.deep.equal([[free, 'keepNone']])
    expect(warnings).to.deep.equal([])
  })

  it('takes whatever can be gone through, with repetitions', async () => {
    const backups = backupsOf(1, 2, 3)
    const selected = await selectBy(backups, {
      set: all => new Set(all.slice(2)),
      *generator(all) {
        yield all[1]!
        yield all[1]!
      },
    })
    expect([...selected.values()]).to.deep.equal(['set', 'generator'])
  })

  it('selects nothing where there is no rule, or no backup', async () => {
    expect(await selectBy(backupsOf(1, 2), {})).to.have.property('size', 0)
    expect(await selectBy([], { keepNone })).to.have.property('size', 0)
  })

  const lookalike: RetentionPolicy = ([first]) => [
    first!,
    plainBackup('/logs/audit.log', first!.time, first!.bytes),
  ]
  const failing: [string, unknown, string][] = [
    [
      'throws',
      () => {
        throw new Error('no idea')
      },
      'no idea',
    ],
    [
      'throws on the way',
      function* (backups: Backup[]) {
        yield backups[0]
        throw new Error('halfway')
      },
      'halfway',
    ],
    ['gives up a stranger that looks like a backup', lookalike, 'none of the backups it was shown'],
    ['gives up the void', () => [undefined], 'none of the backups it was shown'],
    ['gives up what has no time', () => [{}], 'none of the backups it was shown'],
    ['gives up paths', (all: Backup[]) => all.map(({ path }) => path), 'none of the backups'],
    ['answers nothing', () => undefined, 'an iterable of backups'],
    ['answers null', () => null, 'an iterable of backups'],
    ['answers a promise', () => Promise.resolve([]), 'no promise of one'],
    ['answers a number', () => 3, 'an iterable of backups'],
  ]
  for (const [how, policy, reason] of failing) {
    it(`warns of a rule that ${how}, gives up nothing by it, and hears the others`, async () => {
      const backups = backupsOf(1, 2, 3)
      const selected = await selectBy(backups, {
        before: all => all.slice(2),
        wrong: mistyped(policy),
        after: all => all.slice(1),
      })
      expect([...selected]).to.deep.equal([
        [backups[2], 'before'],
        [backups[1], 'after'],
      ])
      expect(warnings).to.have.length(1)
      expect(warnings[0]?.code).to.equal('ERR_ROLLKEEPER_POLICY')
      expect(warnings[0]?.message).to.include('the retention by wrong failed').and.include(reason)
      expect(warnings[0]?.cause).to.be.an.instanceOf(Error)
    })
  }

  it('keeps quiet about a rule that fails where nobody is to be warned', async () => {
    const rule = { name: 'wrong', policy: mistyped(() => null) }
    expect(await select([rule], backupsOf(1), AT, new TimeSlice())).to.have.property('size', 0)
  })

  it('lets others have their turn on the way, in whichever part of it', async () => {
    let turns = 0
    class ShortSlice extends TimeSlice {
      override get isOver(): boolean {
        return true
      }

      override async next(): Promise<void> {
        turns++
      }
    }
    const rules = [
      { name: 'one', policy: keepNone },
      { name: 'other', policy: keepNone },
    ]
    await select(rules, backupsOf(1, 2, 3), AT, new ShortSlice())
    expect(turns).to.be.at.least(2 + 2 * 3 + 2 * 3)
  })

  it('knows the backups it showed from all others, however many they are', async () => {
    const time = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -1e13, max: 1e13 }))
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(time, { maxLength: 40 }),
        fc.array(
          fc.record({ place: fc.nat(), time, kind: fc.constantFrom('own', 'copy', 'other') }),
          {
            maxLength: 6,
          },
        ),
        async (times, picks) => {
          const backups = backupsOf(...times)
          const answer = picks.flatMap(pick => {
            const own = backups[pick.place % Math.max(1, backups.length)]
            if (pick.kind === 'other') return backupsOf(pick.time)
            if (!own) return []
            return [pick.kind === 'own' ? own : { ...own }]
          })
          const isRight = answer.every(one => backups.includes(one))
          warnings = []
          const selected = await selectBy(backups, { rule: () => answer })
          expect(warnings).to.have.length(isRight ? 0 : 1)
          expect(new Set(selected.keys())).to.deep.equal(new Set(isRight ? answer : []))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('finds each one of any number of backups', async () => {
    for (let count = 0; count <= 33; count++) {
      const backups = backupsOf(...Array.from({ length: count }, (_, index) => index * 7))
      for (const backup of backups) {
        const selected = await selectBy(backups, { one: () => [backup] })
        expect([...selected.keys()]).to.deep.equal([backup])
      }
    }
    expect(warnings).to.deep.equal([])
  })
})
