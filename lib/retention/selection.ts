import { wrongType } from '../arguments/argument-error.js'
import type { Backup } from '../backup/backup.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import type { TimeSlice } from '../platform/time-slice.js'
import type { RetentionMoment, RetentionPolicy } from './retention-policy.js'

/** A retention policy, and what its user knows it by: the name of an option. */
export interface RetentionRule {
  readonly name: string
  readonly policy: RetentionPolicy
}

/**
 * Asks each rule which backups go. One that fails does not keep the others from being heard, and
 * gives up nothing. A backup that is held stays.
 *
 * @param backups all there are, newest first; frozen from now on.
 * @param warn is told of a rule that failed: RollkeeperError `ERR_ROLLKEEPER_POLICY`.
 * @returns the backups that go, each with the name of the first rule that gave it up.
 */
export async function select(
  rules: readonly RetentionRule[],
  backups: readonly Backup[],
  moment: RetentionMoment,
  slice: TimeSlice,
  warn?: (error: RollkeeperError) => void,
): Promise<Map<Backup, string>> {
  const selected = new Map<Backup, string>()
  const shown = Object.freeze(backups) // one must not reorder it for the next
  for (const { name, policy } of rules) {
    if (slice.isOver) await slice.next()
    try {
      const chosen: Backup[] = []
      for (const backup of checkAnswer(policy(shown, moment))) {
        if (!isOneOf(shown, backup)) {
          throw new TypeError('it gave up an object that is none of the backups it was shown')
        }
        chosen.push(backup)
        if (slice.isOver) await slice.next()
      }
      for (const backup of chosen) {
        if (backup.held === undefined && !selected.has(backup)) selected.set(backup, name)
        if (slice.isOver) await slice.next()
      }
    } catch (cause) {
      const message = `the retention by ${name} failed (${reasonOf(cause)}); it prunes nothing`
      warn?.(new RollkeeperError('ERR_ROLLKEEPER_POLICY', message, { cause }))
    }
  }
  return selected
}

/** A policy has to answer at once, with some of the very objects that it was shown. */
function checkAnswer(answer: Iterable<Backup>): Iterable<Backup> {
  if (Symbol.iterator in Object(answer)) return answer
  throw wrongType('retention policy', 'an iterable of backups, and no promise of one', answer)
}

/** Searches a list that is newest first, in which no two have the same time. */
function isOneOf(backups: readonly Backup[], one: Backup | undefined): boolean {
  const time = Number(one?.time)
  let from = 0
  let to = backups.length
  while (from < to) {
    const middle = (from + to) >>> 1
    const there = backups[middle]
    if (there === one) return one !== undefined
    if (Number(there?.time) > time) from = middle + 1
    else to = middle
  }
  return false
}
