import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { parseByteSize, type ByteSize } from '../arguments/byte-size.js'
import { parseDuration, type DurationLike } from '../arguments/duration.js'
import type { Backup } from '../backup/backup.js'

/** What a retention policy is told besides the backups. */
export interface RetentionMoment {
  /**
   * The time to judge ages by: that of the clock, or earlier where it was set forward while the log
   * was open (see docs/operations.md). May be a moment to come, when the next look is planned.
   */
  readonly now: Date
  /** Bytes that are free for us on the backups' file system. */
  readonly freeBytes: number
}

/**
 * Decides which backups are pruned: a pure function from all backups, newest first, to those that
 * **go**. What it does not return stays. It may give up the newest too; of the built-in ones only
 * `keepFor` does. A backup goes if any policy gives it up, unless it is held. The list and the
 * backups are frozen: `toSorted`, not `sort`.
 *
 *     backups => backups.filter(backup => isWeekend(backup.time)) // those of weekends go
 */
export type RetentionPolicy = (backups: readonly Backup[], at: RetentionMoment) => Iterable<Backup>

/**
 * Keeps a number of backups, the newest; a held one among them counts.
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
  return (backups, { now }) => backups.slice(countSince(backups, now.getTime() - maxAgeMs))
}

/**
 * Keeps the backups together within a size: gives up the oldest until the others fit, exactly this
 * much too. A held backup counts, but is passed over, and so is the newest: where those alone are
 * more, they stay.
 *
 * @param bytes a number, or `'10GiB'` (KiB MiB GiB TiB are 1024s, kB MB GB TB are 1000s).
 * @throws TypeError or RangeError for anything else.
 */
export function keepWithin(bytes: ByteSize): RetentionPolicy {
  return keepWithinBytes(parseByteSize('keepWithin(bytes)', bytes))
}

/** `keepWithin` for a size that was read already. */
export function keepWithinBytes(maxTotalBytes: number): RetentionPolicy {
  return backups => {
    const totalBytes = backups.reduce((sum, backup) => sum + backup.bytes, 0)
    return oldestOf(backups, totalBytes - maxTotalBytes)
  }
}

/**
 * Keeps a size free on the backups' file system: gives up the oldest until what is free and what
 * they have reach it. Passes over held backups and the newest: where the others are not enough, all
 * of those go.
 *
 * What a backup has is the size of its file. Where that is more than goes free (sparse files, a disk
 * that compresses), the next pass takes the rest.
 *
 * @param bytes a number, or `'10GiB'` (KiB MiB GiB TiB are 1024s, kB MB GB TB are 1000s).
 * @throws TypeError or RangeError for anything else.
 */
export function keepFree(bytes: ByteSize): RetentionPolicy {
  const minFreeBytes = parseByteSize('keepFree(bytes)', bytes)
  return (backups, { freeBytes }) => oldestOf(backups, minFreeBytes - freeBytes)
}

/**
 * How many of a list, newest first, were closed at a time or later. To look at each of 100,000 would
 * hold up everybody else for ten milliseconds.
 */
function countSince(backups: readonly Backup[], timeMs: number): number {
  let from = 0
  let to = backups.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (Number(backups[middle]?.time) >= timeMs) from = middle + 1
    else to = middle
  }
  return from
}

/** The oldest backups that have so many bytes together; none that is held, and not the newest. */
function oldestOf(backups: readonly Backup[], bytes: number): Backup[] {
  const oldest: Backup[] = []
  let missing = bytes
  for (let at = backups.length - 1; at > 0 && missing > 0; at--) {
    const backup = backups[at]
    if (!backup || backup.held !== undefined) continue
    oldest.push(backup)
    missing -= backup.bytes
  }
  return oldest
}

/** Reads a number of backups; see `keepNewest`. */
export function parseCount(name: string, count: number): number {
  const expected = 'a whole number of backups, at least 1'
  if (typeof count !== 'number') throw wrongType(name, expected, count)
  if (!Number.isSafeInteger(count) || count < 1) throw outOfRange(name, expected, count)
  return count
}
