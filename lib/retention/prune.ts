import { archivePath, type Backup } from '../backup/backup.js'
import { isHeld } from '../backup/hold.js'
import type { Cancel } from '../platform/clock.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import { TimeSlice } from '../platform/time-slice.js'
import { AgeClock } from './age-clock.js'
import type { BackgroundStep } from './background-steps.js'
import type { RetentionMoment } from './retention-policy.js'
import { select, type RetentionRule } from './selection.js'

/** Whom a prune tells what it did, and whom it asks for room to work. */
export interface PruneOwner {
  /** Oldest first. */
  pruned(backups: Backup[]): void
  warn(error: RollkeeperError): void
  /** Time alone will have made a policy give up a backup: the moment for the next pass. */
  due(): void
  /** Resolved: nobody else is at work on this backup, and nobody will begin. */
  abandon(backup: Backup): Promise<void>
}

/** Shortest and longest time until policies are asked again while nothing happens. */
const SOONEST_LOOK_MS = 100
const LATEST_LOOK_MS = 3_600_000

/** A backup that was given up and not removed is looked at again after this long. */
const TRY_AGAIN_MS = 60_000

/** The wall clock may be ahead of running time by this much without a word. */
const STEP_MS = 60_000

/** Backups that are removed at a time: as many as there are threads to wait for the disk. */
const REMOVALS_AT_ONCE = 4

/** The last background step: removes the backups that a rule gives up. */
export class Prune implements BackgroundStep {
  readonly name = 'prune'
  readonly #platform: Platform
  readonly #directory: string
  readonly #rules: readonly RetentionRule[]
  readonly #owner: PruneOwner
  readonly #ages: AgeClock
  /** How far the wall clock was ahead when that was warned of. */
  #warnedAheadMs = 0
  #nextLook: Cancel | undefined
  #last: Promise<unknown> = Promise.resolve()
  #status: 'open' | 'stopped' = 'open'

  /** @param directory of the backups. */
  constructor(
    platform: Platform,
    directory: string,
    rules: readonly RetentionRule[],
    owner: PruneOwner,
  ) {
    this.#platform = platform
    this.#directory = directory
    this.#rules = rules
    this.#owner = owner
    this.#ages = new AgeClock(platform.clock)
  }

  /** A rotation made this backup just now. */
  stamped({ time }: Backup): void {
    this.#ages.stamped(time.getTime())
  }

  async run(backups: readonly Backup[]): Promise<'done'> {
    await this.remove(() => Promise.resolve(backups))
    return 'done'
  }

  /**
   * Removes what the rules give up, when those that were asked for before are over.
   *
   * @param list is asked for all backups, newest first.
   * @returns those that were removed, oldest first. One that could not be is a warning, and stays
   *   for the next time. Rejected with what `list` throws.
   */
  remove(list: () => Promise<readonly Backup[]>): Promise<Backup[]> {
    const removed = this.#last.then(async () => this.#remove(await list()))
    this.#last = removed.catch(() => undefined)
    return removed
  }

  /** Resolved: no backup is being removed of which was not known that it is held. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** A pass that failed planned no other one: lets one come in a minute all the same. */
  lookLater(): void {
    this.#lookIn(TRY_AGAIN_MS)
  }

  /** Stops its timer. */
  stop(): void {
    this.#status = 'stopped'
    this.#nextLook?.()
  }

  async #remove(backups: readonly Backup[]): Promise<Backup[]> {
    if (backups.length === 0 || this.#rules.length === 0) return []
    const slice = new TimeSlice()
    const freeBytes = await this.#freeBytes()
    const moment = { now: new Date(this.#ages.now()), freeBytes }
    const warn = (error: RollkeeperError): void => this.#owner.warn(error)
    const givenUp = await select(this.#rules, backups, moment, slice, warn)
    await this.#warnOfStep(backups, { moment, givenUp }, slice)
    const kept: Backup[] = []
    const oldestFirst: Backup[] = []
    for (let at = backups.length - 1; at >= 0; at--) {
      const backup = backups[at]
      if (backup) (givenUp.has(backup) ? oldestFirst : kept).push(backup)
      if (slice.isOver) await slice.next()
    }
    const removed = await this.#removeAll(oldestFirst)
    if (removed.length > 0) this.#owner.pruned(removed)
    if (removed.length < oldestFirst.length) this.#lookIn(TRY_AGAIN_MS)
    else {
      // Counted, not asked for: who has one of them open still keeps its room from being free.
      const freedBytes = removed.reduce((bytes, backup) => bytes + backup.bytes, 0)
      await this.#planNextLook(kept.toReversed(), moment.freeBytes + freedBytes)
    }
    return removed
  }

  /**
   * Where the wall clock was set forward while the log was open, nobody knows whether it is right now
   * or was before. What would go by it is kept; once for each step that is said.
   */
  async #warnOfStep(
    backups: readonly Backup[],
    { moment, givenUp }: { moment: RetentionMoment; givenUp: ReadonlyMap<Backup, string> },
    slice: TimeSlice,
  ): Promise<void> {
    const aheadMs = this.#ages.aheadMs()
    if (aheadMs <= STEP_MS) this.#warnedAheadMs = 0
    if (Math.abs(aheadMs - this.#warnedAheadMs) <= STEP_MS) return
    const now = new Date(moment.now.getTime() + aheadMs)
    const byWall = await select(this.#rules, backups, { ...moment, now }, slice)
    const spared = [...byWall.keys()].filter(backup => !givenUp.has(backup))
    if (spared.length === 0) return
    this.#warnedAheadMs = aheadMs
    const path = this.#directory
    const message = `the clock was set forward by ${Math.round(aheadMs / 1000)} s while the log in ${path} was open; backups that are too old by it alone stay (${spared.length} now) until the log is opened again`
    this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PRUNE', message, { path }))
  }

  async #removeAll(oldestFirst: readonly Backup[]): Promise<Backup[]> {
    const removed: Backup[] = []
    for (let at = 0; at < oldestFirst.length; at += REMOVALS_AT_ONCE) {
      const some = oldestFirst.slice(at, at + REMOVALS_AT_ONCE)
      const ends = await Promise.all(some.map(backup => this.#removeOne(backup)))
      removed.push(...some.filter((_, index) => ends[index] === 'removed'))
    }
    return removed
  }

  /** Where the system cannot tell there is no lack: no backup goes for what is not known. */
  async #freeBytes(): Promise<number> {
    const path = this.#directory
    try {
      return await this.#platform.disk.freeBytes(path)
    } catch (cause) {
      const message = `cannot tell how much is free in ${path} (${reasonOf(cause)})`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PRUNE', message, { path, cause }))
      return Infinity
    }
  }

  /** Removes a backup, and its archive first where both are there. */
  async #removeOne(backup: Backup): Promise<'removed' | 'passed'> {
    try {
      await this.#owner.abandon(backup)
      if (isHeld(this.#platform.disk, backup)) return 'passed'
      let end: 'removed' | 'passed' = 'passed'
      for (const path of backup.archived ? [backup.path] : [archivePath(backup), backup.path]) {
        if (await this.#removeFile(path)) end = 'removed'
      }
      return end
    } catch (cause) {
      const { path } = backup
      const message = `cannot prune ${path} (${reasonOf(cause)}); it stays for the next time`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PRUNE', message, { path, cause }))
      return 'passed'
    }
  }

  /** Returns whether there was such a file; somebody else may have taken it away. */
  async #removeFile(path: string): Promise<boolean> {
    const { disk } = this.#platform
    if (!disk.lstat(path)?.isFile()) return false
    try {
      await disk.remove(path)
      return true
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    }
  }

  /**
   * Rules are pure, so they can be asked about times to come: the next look is when the first of
   * these backups is given up, to a tenth of a second, or in an hour.
   */
  async #planNextLook(backups: readonly Backup[], freeBytes: number): Promise<void> {
    this.#nextLook?.()
    if (backups.length === 0) return
    const now = this.#ages.now()
    const slice = new TimeSlice()
    const isDueIn = async (waitMs: number): Promise<boolean> => {
      const moment = { now: new Date(now + waitMs), freeBytes }
      return (await select(this.#rules, backups, moment, slice)).size > 0
    }
    let early = 0
    let late = LATEST_LOOK_MS
    if (await isDueIn(late)) {
      while (late - early > SOONEST_LOOK_MS) {
        const middle = Math.ceil((early + late) / 2)
        if (await isDueIn(middle)) late = middle
        else early = middle
      }
    }
    this.#lookIn(late)
  }

  #lookIn(waitMs: number): void {
    this.#nextLook?.()
    if (this.#status === 'stopped') return
    this.#nextLook = this.#platform.clock.after(waitMs, () => this.#owner.due())
  }
}
