import { expect } from 'chai'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import {
  keepFor,
  keepForMs,
  keepFree,
  keepNewest,
  keepWithin,
  keepWithinBytes,
  parseCount,
  type RetentionPolicy,
} from '../../lib/retention/retention-policy.js'
import { mistyped } from '../audit/mistyped.js'

const DAY_MS = 86_400_000
const NOW = new Date('2016-09-07T13:03:57.400Z')

/** Backups of these ages in milliseconds, newest first as policies are shown them. */
const aged = (...ages: number[]): Backup[] =>
  ages.map(age => plainBackup('/logs/audit.log', new Date(NOW.getTime() - age), 1))

/** The ages of those that a policy gives up. */
const givenUp = (policy: RetentionPolicy, backups: readonly Backup[], freeBytes = 1e9): number[] =>
  [...policy(backups, { now: NOW, freeBytes })].map(({ time }) => NOW.getTime() - time.getTime())

/** Backups of these sizes, newest first; one that is held has its size as text. */
const sized = (...sizes: (number | string)[]): Backup[] =>
  sizes.map((size, index) => ({
    ...plainBackup('/logs/audit.log', new Date(NOW.getTime() - index), Number(size)),
    ...(typeof size === 'string' && { held: 'a lawsuit' }),
  }))

/** The places of those that a policy gives up, newest first. */
const placesGivenUp = (
  policy: RetentionPolicy,
  sizes: readonly (number | string)[],
  freeBytes = 1e9,
): number[] => givenUp(policy, sized(...sizes), freeBytes).sort((one, other) => one - other)

describe('keepNewest', () => {
  it('gives up all but the newest', () => {
    expect(givenUp(keepNewest(2), aged(1, 2, 3, 4))).to.deep.equal([3, 4])
  })

  it('gives up nothing while there are no more than it keeps', () => {
    for (const count of [3, 4, Number.MAX_SAFE_INTEGER]) {
      expect(givenUp(keepNewest(count), aged(1, 2, 3))).to.deep.equal([])
    }
    expect(givenUp(keepNewest(1), [])).to.deep.equal([])
  })

  it('never gives up the newest, however old it is and wherever its time lies', () => {
    expect(givenUp(keepNewest(1), aged(9000 * DAY_MS))).to.deep.equal([])
    expect(givenUp(keepNewest(1), aged(-DAY_MS, 0, DAY_MS))).to.deep.equal([0, DAY_MS])
  })

  it('refuses what is no number of backups', () => {
    for (const count of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => keepNewest(count)).to.throw(
        RangeError,
        'keepNewest(count): expected a whole number of backups, at least 1, got',
      )
    }
    for (const count of ['3', null, undefined, 3n, {}]) {
      expect(() => keepNewest(mistyped(count))).to.throw(TypeError, 'keepNewest(count): expected')
    }
  })
})

describe('keepFor', () => {
  it('gives up what is older, and keeps what is exactly this old', () => {
    const backups = aged(30 * DAY_MS - 1, 30 * DAY_MS, 30 * DAY_MS + 1)
    for (const duration of [{ days: 30 }, '30d', '720h', { hours: 720 }]) {
      expect(givenUp(keepFor(duration), backups)).to.deep.equal([30 * DAY_MS + 1])
    }
  })

  it('takes an age of zero for backups stamped with a future time', () => {
    expect(givenUp(keepFor('1ms'), aged(-9000 * DAY_MS, -1, 0, 1, 2))).to.deep.equal([2])
  })

  it('may give up all, the newest too', () => {
    expect(givenUp(keepFor('1ms'), aged(2, 3))).to.deep.equal([2, 3])
  })

  it('takes a day for 24 hours, also where daylight saving ends', () => {
    const now = new Date('2016-11-06T12:00:00.000Z')
    const yesterday = plainBackup('/logs/audit.log', new Date(now.getTime() - DAY_MS), 1)
    const older = plainBackup('/logs/audit.log', new Date(now.getTime() - DAY_MS - 1), 1)
    const chosen = keepFor({ days: 1 })([yesterday, older], { now, freeBytes: 0 })
    expect([...chosen]).to.deep.equal([older])
  })

  it('refuses what is no duration longer than nothing', () => {
    for (const duration of ['', '30', '0d', '-1d', {}, { days: 0 }, { days: -1 }, { days: NaN }]) {
      expect(() => keepFor(duration)).to.throw(RangeError, 'keepFor(duration): expected a duration')
    }
    for (const duration of [30, null, undefined, { day: 30 }]) {
      expect(() => keepFor(mistyped(duration))).to.throw(TypeError, 'keepFor(duration): expected')
    }
  })
})

describe('keepForMs', () => {
  it('is keepFor for a duration in milliseconds', () => {
    expect(givenUp(keepForMs(5), aged(-1, 4, 5, 6))).to.deep.equal([6])
  })
})

describe('keepWithin', () => {
  it('gives up the oldest until the others fit, exactly this much too', () => {
    const sizes = [10, 20, 30, 40]
    for (const [bytes, places] of [
      [101, []],
      [100, []],
      [99, [3]],
      [60, [3]],
      [59, [2, 3]],
      [30, [2, 3]],
      [29, [1, 2, 3]],
      [10, [1, 2, 3]],
    ] as const) {
      expect(placesGivenUp(keepWithin(bytes), sizes), String(bytes)).to.deep.equal(places)
    }
  })

  it('does not pass over a large backup for a small one that is newer', () => {
    expect(placesGivenUp(keepWithin(100), [1, 1, 1, 100])).to.deep.equal([3])
    expect(placesGivenUp(keepWithin(101), [1, 100, 1, 1])).to.deep.equal([2, 3])
  })

  it('never gives up the newest, however large it is', () => {
    expect(placesGivenUp(keepWithin(1), [1000])).to.deep.equal([])
    expect(placesGivenUp(keepWithin(1), [1000, 1, 1])).to.deep.equal([1, 2])
    expect(placesGivenUp(keepWithin(1), [])).to.deep.equal([])
  })

  it('counts held backups, and passes over them', () => {
    expect(placesGivenUp(keepWithin(60), [10, 20, 30, '40'])).to.deep.equal([1, 2])
    expect(placesGivenUp(keepWithin(70), [10, 20, '30', 40])).to.deep.equal([3])
    expect(placesGivenUp(keepWithin(1), ['10', '20', '30'])).to.deep.equal([])
  })

  it('takes a reason that is empty for a hold too', () => {
    const backups = sized(10, 20, 30).map(backup => ({ ...backup, held: '' }))
    expect(givenUp(keepWithin(1), backups)).to.deep.equal([])
  })

  it('takes a size as text', () => {
    expect(placesGivenUp(keepWithin('1KiB'), [1, 1023])).to.deep.equal([])
    expect(placesGivenUp(keepWithin('1kB'), [1, 1000])).to.deep.equal([1])
  })

  it('does not heed what is free', () => {
    for (const freeBytes of [0, Infinity]) {
      expect(placesGivenUp(keepWithin(30), [10, 20, 30], freeBytes)).to.deep.equal([2])
    }
  })

  it('refuses what is no size', () => {
    for (const bytes of [0, -1, 1.5, NaN, Infinity, '10G', '']) {
      expect(() => keepWithin(bytes)).to.throw(RangeError, 'keepWithin(bytes): expected a whole')
    }
    for (const bytes of [null, undefined, 1n, {}]) {
      expect(() => keepWithin(mistyped(bytes))).to.throw(TypeError, 'keepWithin(bytes): expected')
    }
  })
})

describe('keepWithinBytes', () => {
  it('is keepWithin for a size that was read', () => {
    expect(placesGivenUp(keepWithinBytes(59), [10, 20, 30, 40])).to.deep.equal([2, 3])
  })
})

describe('keepFree', () => {
  it('gives up the oldest until so much is free, exactly this much too', () => {
    const sizes = [10, 20, 30, 40]
    for (const [freeBytes, places] of [
      [101, []],
      [100, []],
      [99, [3]],
      [60, [3]],
      [59, [2, 3]],
      [30, [2, 3]],
      [29, [1, 2, 3]],
      [0, [1, 2, 3]],
    ] as const) {
      expect(placesGivenUp(keepFree(100), sizes, freeBytes), String(freeBytes)).to.deep.equal(
        places,
      )
    }
  })

  it('never gives up the newest, nor what is held', () => {
    expect(placesGivenUp(keepFree('1TB'), [1000], 0)).to.deep.equal([])
    expect(placesGivenUp(keepFree('1TB'), [10, '20', 30, '40', 50], 0)).to.deep.equal([2, 4])
    expect(placesGivenUp(keepFree(60), [10, 20, '30', 40], 20)).to.deep.equal([3])
    expect(placesGivenUp(keepFree(1), [], 0)).to.deep.equal([])
  })

  it('gives up nothing where it is not known what is free', () => {
    for (const freeBytes of [Infinity, NaN]) {
      expect(placesGivenUp(keepFree('1TB'), [10, 20, 30], freeBytes)).to.deep.equal([])
    }
  })

  it('refuses what is no size', () => {
    for (const bytes of [0, -1, 1.5, NaN, Infinity, '10G', '']) {
      expect(() => keepFree(bytes)).to.throw(RangeError, 'keepFree(bytes): expected a whole')
    }
    for (const bytes of [null, undefined, 1n, {}]) {
      expect(() => keepFree(mistyped(bytes))).to.throw(TypeError, 'keepFree(bytes): expected')
    }
  })
})

describe('parseCount', () => {
  it('reads a number of backups, and names the argument where it is none', () => {
    expect(parseCount('option maxBackups', 7)).to.equal(7)
    expect(() => parseCount('option maxBackups', 0)).to.throw(
      RangeError,
      /^option maxBackups: .* 0$/,
    )
    expect(() => parseCount('option maxBackups', mistyped('7'))).to.throw(
      TypeError,
      /^option maxBackups: .* '7'$/,
    )
  })
})
