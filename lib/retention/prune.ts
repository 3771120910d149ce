import { dirname } from 'node:path'
import { wrongType } from '../arguments/argument-error.js'
import { archivePath, type Backup } from '../backup/backup.js'
import type { Cancel } from '../platform/clock.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import type { BackgroundStep } from './background-steps.js'
import type { RetentionPolicy } from './retention-policy.js'

/** Whom a prune tells what it did. */
export interface PruneOwner {
  pruned(backups: Backup[]): void
  warn(error: RollkeeperError): void
  /** Time alone will have made a policy give up a backup: the moment for the next pass. */
  due(): void
}

/** Shortest and longest time until policies are asked again while nothing happens. */
const SOONEST_LOOK_MS = 100
const LATEST_LOOK_MS = 3_600_000

/** A backup that could not be removed is tried again after this long. */
const TRY_AGAIN_MS = 60_000

/** A policy has to answer at once, with some of the very objects that it was shown. */
function checkAnswer(answer: Iterable<Backup>): Iterable<Backup> {
  if (Symbol.iterator in Object(answer)) return answer
  throw wrongType('retention policy', 'an iterable of backups, and no promise of one', answer)
}

/** The last background step: removes the backups that a policy gives up. */
export class Prune implements BackgroundStep {
  readonly name = 'prune'
  readonly #platform: Platform
  readonly #policies: readonly RetentionPolicy[]
  readonly #owner: PruneOwner
  #nextLook: Cancel | undefined

  constructor(platform: Platform, policies: readonly RetentionPolicy[], owner: PruneOwner) {
    this.#platform = platform
    this.#policies = policies
    this.#owner = owner
  }

  async run(backups: readonly Backup[]): Promise<void> {
    await this.remove(backups)
  }

  /**
   * Removes what the policies give up.
   *
   * @param backups all there are, newest first.
   * @returns those that were removed, oldest first. One that could not be is a warning, and stays for next time.
   */
  async remove(backups: readonly Backup[]): Promise<Backup[]> {
    const [first] = backups
    if (!first || this.#policies.length === 0) return []
    const freeBytes = await this.#freeBytes(dirname(first.path))
    const givenUp = this.#select(backups, this.#platform.clock.now(), freeBytes, error =>
      this.#owner.warn(error),
    )
    const oldestFirst = backups.filter(backup => givenUp.has(backup)).toReversed()
    const removed: Backup[] = []
    for (const backup of oldestFirst) if (await this.#removeOne(backup)) removed.push(backup)
    if (removed.length > 0) this.#owner.pruned(removed)
    if (removed.length < givenUp.size) this.#lookIn(TRY_AGAIN_MS, () => this.#owner.due())
    else {
      this.#planNextLook(
        backups.filter(backup => !givenUp.has(backup)),
        freeBytes,
      )
    }
    return removed
  }

  /** Stops its timer. */
  stop(): void {
    this.#nextLook?.()
  }

  /** Where the system cannot tell there is no lack: no backup goes for what is not known. */
  async #freeBytes(directory: string): Promise<number> {
    try {
      return await this.#platform.disk.freeBytes(directory)
    } catch (cause) {
      const message = `cannot tell how much is free in ${directory} (${reasonOf(cause)})`
      const about = { path: directory, cause }
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PRUNE', message, about))
      return Infinity
    }
  }

  /** Asks each policy by itself: one that fails does not keep the others from being heard. */
  #select(
    backups: readonly Backup[],
    now: number,
    freeBytes: number,
    warn?: (error: RollkeeperError) => void,
  ): Set<Backup> {
    const shown = Object.freeze([...backups]) // one policy must not reorder them for the next
    const known = new Set(backups)
    const givenUp = new Set<Backup>()
    for (const policy of this.#policies) {
      try {
        const chosen = Array.from(checkAnswer(policy(shown, { now: new Date(now), freeBytes })))
        if (!chosen.every(backup => known.has(backup))) {
          throw new TypeError('it gave up an object that is none of the backups it was shown')
        }
        for (const backup of chosen) givenUp.add(backup)
      } catch (cause) {
        const message = `a retention policy failed (${reasonOf(cause)}); it prunes nothing`
        warn?.(new RollkeeperError('ERR_ROLLKEEPER_POLICY', message, { cause }))
      }
    }
    return givenUp
  }

  /** Removes a backup, and its archive first where both are there; true if it was there. */
  async #removeOne(backup: Backup): Promise<boolean> {
    const { disk } = this.#platform
    try {
      const archive = archivePath(backup)
      if (archive !== backup.path && disk.lstat(archive)?.isFile()) await disk.remove(archive)
      if (!disk.lstat(backup.path)?.isFile()) return false
      await disk.remove(backup.path)
      return true
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return false
      const { path } = backup
      const message = `cannot prune ${path} (${reasonOf(cause)}); it stays for the next time`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PRUNE', message, { path, cause }))
      return false
    }
  }

  /**
   * Policies are pure, so they can be asked about times to come: the next look is in the longest
   * of 0.1, 0.2, 0.4 … seconds after which none would give up anything. Coming near, the looks
   * draw together, so a backup outlives its time by no more than the shortest of them.
   */
  #planNextLook(backups: readonly Backup[], freeBytes: number): void {
    this.#nextLook?.()
    if (backups.length === 0) return
    const now = this.#platform.clock.now()
    let waitMs = SOONEST_LOOK_MS
    while (
      waitMs * 2 <= LATEST_LOOK_MS &&
      this.#select(backups, now + waitMs * 2, freeBytes).size === 0
    ) {
      waitMs *= 2
    }
    this.#lookIn(waitMs, () => this.#look(backups, freeBytes))
  }

  #lookIn(waitMs: number, look: () => void): void {
    this.#nextLook?.()
    this.#nextLook = this.#platform.clock.after(waitMs, look)
  }

  /** Asks about the backups as they were; the directory is only read when there is work. */
  #look(backups: readonly Backup[], freeBytes: number): void {
    const now = this.#platform.clock.now()
    if (this.#select(backups, now, freeBytes).size > 0) this.#owner.due()
    else this.#planNextLook(backups, freeBytes)
  }
}
