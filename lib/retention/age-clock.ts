import type { Clock } from '../platform/clock.js'

/**
 * The time that ages are judged by. It never makes a backup older than a right clock would, however
 * the wall clock was set, and how often:
 *
 * - a backup that was closed while the log is open is at most as old as the running time since;
 * - an older one is judged right if the wall clock was right at any moment since the log was opened;
 *   one that was behind makes backups live longer.
 *
 * It can tell nothing of a clock that was wrong when the log was opened, and stayed so.
 */
export class AgeClock {
  readonly #clock: Clock
  /** The earliest wall time that running time was ever seen to begin at. */
  #startMs = Infinity

  /** Looks at the wall clock, which counts from now on. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.now()
  }

  /**
   * The time, in milliseconds since 1970: that of the wall clock, or an earlier one. Exact but for
   * the resolution of running time, by which it may be late.
   */
  now(): number {
    const wall = this.#clock.now()
    const running = this.#clock.running() // after it, since what comes between must not count twice
    this.#startMs = Math.min(this.#startMs, wall - running)
    return running + this.#startMs
  }

  /** How far the wall clock is ahead of it, in milliseconds: 0 where it was never set forward. */
  aheadMs(): number {
    const now = this.now()
    return Math.max(0, this.#clock.now() - now)
  }

  /** A backup was named after this time just now: its age is 0, whatever the wall clock says next. */
  stamped(timeMs: number): void {
    this.#startMs = Math.min(this.#startMs, timeMs - this.#clock.running())
  }
}
