import { join } from 'node:path'
import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import { listBackups } from '../../lib/backup/catalogue.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { Prune } from '../../lib/retention/prune.js'
import {
  keepForMs,
  keepFree,
  keepNewest,
  keepWithin,
  type RetentionPolicy,
} from '../../lib/retention/retention-policy.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NOW = Date.parse('2016-09-07T13:03:57.400Z')

const backupsOf = (times: number[]): Backup[] =>
  times
    .sort((one, other) => other - one)
    .map(time => plainBackup('/logs/audit.log', new Date(time), 1))

const ages = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -1e12, max: 1e12 }))
const times = fc.uniqueArray(
  ages.map(age => NOW - age),
  { maxLength: 30 },
)

describe('keepNewest', () => {
  it('gives up just those than which as many are newer', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 35 }), (stamps, count) => {
        const backups = backupsOf(stamps)
        const expected = backups.filter(
          ({ time }) => backups.filter(other => other.time > time).length >= count,
        )
        const at = { now: new Date(NOW), freeBytes: 0 }
        expect([...keepNewest(count)(backups, at)]).to.have.members(expected)
      }),
    )
  })
})

describe('keepForMs', () => {
  it('gives up just those that the clock has left behind by more than this', () => {
    const limit = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1e12 }))
    fc.assert(
      fc.property(times, limit, (stamps, maxAgeMs) => {
        const backups = backupsOf(stamps)
        const expected = backups.filter(
          ({ time }) => BigInt(NOW) > BigInt(+time) + BigInt(maxAgeMs),
        )
        const at = { now: new Date(NOW), freeBytes: 0 }
        expect([...keepForMs(maxAgeMs)(backups, at)]).to.have.members(expected)
      }),
    )
  })

  it('gives up more as time goes on, never less', () => {
    fc.assert(
      fc.property(times, fc.nat({ max: 1e12 }), fc.nat({ max: 1e12 }), (stamps, limit, later) => {
        const backups = backupsOf(stamps)
        const policy = keepForMs(limit + 1)
        const now = policy(backups, { now: new Date(NOW), freeBytes: 0 })
        const then = policy(backups, { now: new Date(NOW + later), freeBytes: 0 })
        expect([...then]).to.include.members([...now])
      }),
    )
  })
})

/** Backups newest first, some of them held; small sizes, so that sums often meet a limit. */
const sizedBackups = fc
  .array(fc.record({ bytes: fc.oneof(fc.nat(5), fc.nat(1e12)), held: fc.option(fc.string()) }), {
    maxLength: 20,
  })
  .map(all =>
    all.map(({ bytes, held }, index): Backup => {
      const backup = plainBackup('/logs/audit.log', new Date(NOW - index), bytes)
      return held === null ? backup : { ...backup, held }
    }),
  )

const totalOf = (backups: readonly Backup[]): number =>
  backups.reduce((sum, { bytes }) => sum + bytes, 0)

/**
 * Checks what a policy gave up: the oldest of what may go, as many as it takes and no more.
 *
 * @param enough whether giving up some of the backups is enough.
 */
function expectOldestEnough(
  backups: readonly Backup[],
  givenUp: ReadonlySet<Backup>,
  enough: (gone: Backup[]) => boolean,
): void {
  const mayGo = backups.filter((backup, index) => index > 0 && backup.held === undefined)
  const gone = mayGo.slice(mayGo.length - givenUp.size)
  expect([...givenUp]).to.have.members(gone)
  if (gone.length < mayGo.length) expect(enough(gone)).to.equal(true)
  if (gone.length > 0) expect(enough(gone.slice(1))).to.equal(false)
}

const limitBytes = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1e13 }))

describe('keepWithin', () => {
  it('gives up the oldest until the others fit, none needlessly, none held, never the newest', () => {
    fc.assert(
      fc.property(sizedBackups, limitBytes, (backups, bytes) => {
        const shown = Object.freeze([...backups])
        const givenUp = new Set(keepWithin(bytes)(shown, { now: new Date(NOW), freeBytes: 0 }))
        expectOldestEnough(
          backups,
          givenUp,
          gone => totalOf(backups.filter(backup => !gone.includes(backup))) <= bytes,
        )
      }),
      { numRuns: 500 },
    )
  })
})

describe('keepFree', () => {
  it('gives up the oldest until so much is free, none needlessly, none held, never the newest', () => {
    const freeBytes = fc.oneof(fc.nat(40), fc.nat(1e13))
    fc.assert(
      fc.property(sizedBackups, limitBytes, freeBytes, (backups, bytes, free) => {
        const shown = Object.freeze([...backups])
        const givenUp = new Set(keepFree(bytes)(shown, { now: new Date(NOW), freeBytes: free }))
        expectOldestEnough(backups, givenUp, gone => free + totalOf(gone) >= bytes)
      }),
      { numRuns: 500 },
    )
  })
})

/** Active files, each with its name before and after the place of the time. */
const LOGS = [
  ['audit.log', 'audit', '.log'],
  ['audit', 'audit', ''],
  ['.audit', '', '.audit'],
  ['audit.tar.gz', 'audit.tar', '.gz'],
  ['a-2016-09-07T13-03-57.400', 'a-2016-09-07T13-03-57', '.400'],
  ['журнал ü.log', 'журнал ü', '.log'],
] as const

const stampOf = (time: number): string =>
  new Date(time).toISOString().replaceAll(':', '-').replace('Z', '')

/** Names that look like a backup's, and are none. */
const NEAR_MISSES: readonly ((base: string, stamp: string, extension: string) => string)[] = [
  (base, stamp, extension) => `${base}-${stamp}${extension}.gz.gz`,
  (base, stamp, extension) => `${base}-${stamp}${extension}.gz.tmp`,
  (base, stamp, extension) => `.${base}-${stamp}${extension}.gz.tmp`,
  (base, stamp, extension) => `${base}-${stamp}${extension}.hold.hold`,
  (base, stamp, extension) => `.${base}-${stamp}${extension}.hold`,
  (base, stamp, extension) => `${base}-${stamp}${extension}~`,
  (base, stamp, extension) => `${base}-${stamp}${extension}\n`,
  (base, stamp, extension) => ` ${base}-${stamp}${extension}`,
  (base, stamp, extension) => `x${base}-${stamp}${extension}`,
  (base, stamp, extension) => `${base}x-${stamp}${extension}`,
  (base, stamp, extension) => `${base}_${stamp}${extension}`,
  (base, stamp, extension) => `${base}--${stamp}${extension}`,
  (base, stamp, extension) => `${base}-${stamp}-${stamp}${extension}`,
  (base, stamp, extension) => `${base}-${stamp}.other${extension}`,
  (base, stamp, extension) => `${base}-${stamp}Z${extension}`,
  (base, stamp, extension) => `${base}-${stamp.slice(0, -1)}${extension}`,
  (base, stamp, extension) => `${base}-${stamp.slice(0, -4)}${extension}`,
  (base, stamp, extension) => `${base}-${stamp.toLowerCase()}${extension}`,
  (base, stamp, extension) => `${base}-${stamp.replace(/T\d\d-/, 'T24-')}${extension}`,
  (base, stamp, extension) => `${base}-${stamp.replace(/-\d\d-\d\dT/, '-02-30T')}${extension}`,
  (base, stamp, extension) => `${base}-${stamp.replace(/-(?=\d\d-\d\d\.)/, ':')}${extension}`,
  (base, _, extension) => `${base}-${NOW}${extension}`,
  (base, _, extension) => `.${base}${extension}.rotating`,
  (base, _, extension) => `.${base}${extension}.lock`,
  (base, _, extension) => `${base}${extension}.1`,
  (base, _, extension) => `${base}${extension}.foo`,
]

const OTHER_LOGS = [
  'other',
  'audit2',
  'audit.log.old',
  'AUDIT.LOG',
  'my audit.log',
  'a.b.c',
] as const

const age = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.integer({ min: -1e6, max: 1e6 }))

const planted = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('own' as const), age, twin: fc.nat(2) }) },
  fc.record({
    kind: fc.constantFrom('directory' as const, 'link', 'dangling'),
    age,
    twin: fc.nat(1),
  }),
  fc.record({
    kind: fc.constant('near miss' as const),
    age,
    twin: fc.nat(NEAR_MISSES.length - 1),
  }),
  fc.record({ kind: fc.constant('hold' as const), age, twin: fc.nat(3) }),
  fc.record({ kind: fc.constant('other log' as const), age, twin: fc.nat(OTHER_LOGS.length - 1) }),
)

const rules = fc.record(
  { count: fc.integer({ min: 1, max: 5 }), maxAgeMs: fc.integer({ min: 1, max: 12 }) },
  { requiredKeys: [] },
)

/** Everything in a directory, with what is in it. */
function contentOf(directory: string): Map<string, string> {
  return new Map(
    fs.readdirSync(directory).map(name => {
      const path = join(directory, name)
      const status = fs.lstatSync(path)
      if (status.isDirectory()) return [name, `directory of ${fs.readdirSync(path).join()}`]
      if (status.isSymbolicLink()) return [name, `link to ${fs.readlinkSync(path)}`]
      return [name, fs.readFileSync(path, 'utf8')]
    }),
  )
}

describe('Prune', () => {
  const at = temporaryDirectory()
  let runs = 0

  it('leaves in a directory all but the backups of its log that its policies give up', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...LOGS),
        fc.array(planted, { maxLength: 25 }),
        fc.option(rules, { freq: 3 }),
        async ([active, base, extension], plants, chosen) => {
          const directory = at(String(runs++))
          fs.mkdirSync(directory)
          fs.writeFileSync(join(directory, active), 'active\n')
          const own = new Map<string, number>()
          const holds = new Set<number>()
          for (const { kind, age: ageMs, twin } of plants) {
            const time = NOW - ageMs
            const perfect = `${base}-${stampOf(time)}${extension}`
            const place = (name: string, make: (path: string) => void): boolean => {
              const path = join(directory, name)
              if (fs.lstatSync(path, { throwIfNoEntry: false })) return false
              make(path)
              return true
            }
            const file = (path: string): void => fs.writeFileSync(path, `content of ${path}\n`)
            const impostor = twin === 0 ? perfect : `${perfect}.gz`
            if (kind === 'own') {
              const names = [[perfect], [`${perfect}.gz`], [perfect, `${perfect}.gz`]][twin]!
              for (const name of names) if (place(name, file)) own.set(name, time)
            } else if (kind === 'directory') {
              place(impostor, path => fs.outputFileSync(join(path, 'inside'), ''))
            } else if (kind === 'link') {
              place(impostor, path => fs.symlinkSync(active, path))
            } else if (kind === 'dangling') {
              place(impostor, path => fs.symlinkSync('nowhere', path))
            } else if (kind === 'hold') {
              const name = `${perfect}${twin % 2 === 0 ? '' : '.gz'}.hold`
              if (place(name, twin < 2 ? file : held => fs.mkdirSync(held))) holds.add(time)
            } else if (kind === 'near miss') {
              place(NEAR_MISSES[twin]!(base, stampOf(time), extension), file)
            } else {
              const name = OTHER_LOGS[twin]!
              const dot = name.lastIndexOf('.')
              const [start, end] = dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot)]
              place(`${start}-${stampOf(time)}${end}`, file)
            }
          }

          const before = contentOf(directory)
          const policies: RetentionPolicy[] = chosen ? [] : [backups => backups]
          if (chosen?.count !== undefined) policies.push(keepNewest(chosen.count))
          if (chosen?.maxAgeMs !== undefined) policies.push(keepForMs(chosen.maxAgeMs))
          const prune = new Prune(
            { disk: systemDisk, clock: new ManualClock(new Date(NOW).toISOString()) },
            directory,
            policies.map((policy, index) => ({ name: `policy ${index}`, policy })),
            {
              pruned: () => {},
              warn: error => expect.fail(error.message),
              due: () => {},
              abandon: async () => {},
            },
          )
          await prune.remove(() => listBackups(systemDisk, join(directory, active)))

          const newestFirst = [...new Set(own.values())].sort((one, other) => other - one)
          const kept = newestFirst.filter(
            (time, index) =>
              holds.has(time) ||
              (chosen &&
                index < (chosen.count ?? Infinity) &&
                NOW - time <= (chosen.maxAgeMs ?? Infinity)),
          )
          for (const [name, time] of own) if (!kept.includes(time)) before.delete(name)
          expect(contentOf(directory)).to.deep.equal(before)
        },
      ),
      { numRuns: 250 },
    )
  })
})
