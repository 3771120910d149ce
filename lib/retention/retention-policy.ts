import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { parseDuration, type DurationLike } from '../arguments/duration.js'
import type { Backup } from '../backup/backup.js'

/** What a retention policy is told besides the backups. */
export interface RetentionMoment {
  /** The time to judge ages by. May be a moment to come, when the next look is planned. */
  readonly now: Date
  /** Bytes that are free for us on the backups' file system. */
  readonly freeBytes: number
}

/**
 * Decides which backups are pruned: a pure function from all backups, newest first, to those it
 * gives up. A backup goes if any policy gives it up.
 *
 *     (backups, { now }) => backups.filter(backup => isWeekend(backup.time))
 */
export type RetentionPolicy = (backups: readonly Backup[], at: RetentionMoment) => Iterable<Backup>

/**
 * Keeps a number of backups, the newest.
 *
 * @param count whole, at least 1.
 * @throws TypeError or RangeError for anything else.
 */
export function keepNewest(count: number): RetentionPolicy {
  const kept = parseCount('keepNewest(count)', count)
  return backups => backups.slice(kept)
}

/**
 * Keeps backups for a time, judged by the time in their names; one that is exactly this old stays,
 * and one that is stamped with a future time has age zero. May give up all of them.
 *
 * @param duration a date-fns `Duration`, or `'30d'` (ms, s, m for minutes, h, d, w; a day is 24 h).
 * @throws TypeError or RangeError for anything else.
 */
export function keepFor(duration: DurationLike): RetentionPolicy {
  return keepForMs(parseDuration('keepFor(duration)', duration))
}

/** `keepFor` for a duration that was read already. */
export function keepForMs(maxAgeMs: number): RetentionPolicy {
  return (backups, { now }) =>
    backups.filter(({ time }) => now.getTime() - time.getTime() > maxAgeMs)
}

/** Reads a number of backups; see `keepNewest`. */
export function parseCount(name: string, count: number): number {
  const expected = 'a whole number of backups, at least 1'
  if (typeof count !== 'number') throw wrongType(name, expected, count)
  if (!Number.isSafeInteger(count) || count < 1) throw outOfRange(name, expected, count)
  return count
}
