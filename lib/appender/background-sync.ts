import type { Cancel, Clock } from '../platform/clock.js'
import type { GroupCommit } from './group-commit.js'

/** A longer `setTimeout` fires at once (https://nodejs.org/api/timers.html). */
const LONGEST_WAIT_MS = 2 ** 31 - 1

/**
 * Syncs behind, so that what was written is on stable storage about one interval later, though
 * nobody waits for it.
 *
 * The first write after a sync starts the one timer; nothing runs while nothing is unsynced. What
 * is due while a slow disk is at the sync before goes into the next round, all together. What comes
 * of a failure is the commit's business; the interval goes on with the next file.
 */
export class BackgroundSync {
  readonly #clock: Clock
  readonly #waitMs: number
  readonly #commit: Pick<GroupCommit, 'commitBehind' | 'isBehind'>
  #timer: Cancel | undefined

  /** @param intervalMs for how long, in milliseconds, what was written may stay unsynced. */
  constructor(
    clock: Clock,
    intervalMs: number,
    commit: Pick<GroupCommit, 'commitBehind' | 'isBehind'>,
  ) {
    this.#clock = clock
    this.#waitMs = Math.min(intervalMs, LONGEST_WAIT_MS)
    this.#commit = commit
  }

  /** Something was written. Called for each batch, so it costs one comparison. */
  written(): void {
    this.#timer ??= this.#clock.after(this.#waitMs, () => void this.#sync())
  }

  /**
   * Stops for good. Returns whether something is still unsynced, which is for the caller to sync
   * now.
   */
  stop(): boolean {
    this.#timer?.()
    this.#timer = () => undefined // as if one waited for ever: no other starts
    return this.#commit.isBehind
  }

  async #sync(): Promise<void> {
    this.#timer = undefined
    if (!this.#commit.isBehind) return
    await this.#commit.commitBehind()
    if (this.#commit.isBehind) this.written() // a directory that failed is tried again
  }
}
