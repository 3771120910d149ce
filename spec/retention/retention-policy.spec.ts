import { expect } from 'chai'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import {
  keepFor,
  keepForMs,
  keepNewest,
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
