/** A point in wall-clock time, as two numbers that stay exact where one could not. */
export interface Instant {
  /** Whole seconds since 1970, UTC. */
  readonly seconds: number
  /** Nanoseconds within that second, 0 to 999999999. */
  readonly nanos: number
}

/** Where a `NanoClock` reads the time: a seam, so that a spec can hold it in its hand. */
export interface TimeSource {
  /** Wall clock, in whole milliseconds since 1970, UTC. May jump or go backwards. */
  wallMs(): number
  /** Running time, in milliseconds with a fraction, from any start. Never goes backwards. */
  elapsedMs(): number
}

const machineTime: TimeSource = {
  wallMs: () => Date.now(),
  elapsedMs: () => performance.now(),
}

/** The wall clock is read again after so much running time; two clocks cost twice as much as one. */
const READ_AGAIN_MS = 0.05

/** The last nanosecond of a millisecond, as a part of a millisecond. */
const LAST_PART_MS = 0.999999

/**
 * Tells the time in nanoseconds and never tells an earlier one than before. Milliseconds are those
 * of the wall clock. What is below them is counted by the running time, and is right as far as the
 * wall clock's own turns from one millisecond to the next have shown where a millisecond begins.
 *
 * When the wall clock steps back, the time stands still until the wall clock has caught up.
 */
export class NanoClock {
  readonly #source: TimeSource
  /** One wall-clock millisecond, and the running time at which it is held to have begun. */
  #anchorWallMs = Number.NEGATIVE_INFINITY
  #anchorElapsedMs = 0
  #lastWallMs = Number.NEGATIVE_INFINITY
  /** The last reading of the wall clock, and its running time. */
  #readWallMs = 0
  #readElapsedMs = Number.NEGATIVE_INFINITY
  #lastPartMs = 0

  /** @param source by default the machine's clocks. */
  constructor(source: TimeSource = machineTime) {
    this.#source = source
  }

  /** The time now: the same as the last one told, or later. */
  now(): Instant {
    const elapsedMs = this.#source.elapsedMs()
    if (elapsedMs - this.#readElapsedMs >= READ_AGAIN_MS || this.#hasTurned(elapsedMs)) {
      this.#readWallMs = this.#source.wallMs()
      this.#readElapsedMs = elapsedMs
    }
    const wallMs = this.#readWallMs
    const partMs = this.#partOf(wallMs, elapsedMs)
    if (wallMs > this.#lastWallMs) {
      this.#lastWallMs = wallMs
      this.#lastPartMs = partMs
    } else if (wallMs === this.#lastWallMs && partMs > this.#lastPartMs) {
      this.#lastPartMs = partMs
    }
    const seconds = Math.floor(this.#lastWallMs / 1000)
    const ms = this.#lastWallMs - seconds * 1000
    return { seconds, nanos: ms * 1e6 + Math.floor(this.#lastPartMs * 1e6) }
  }

  /** Whether the millisecond of the last reading is over, as far as the anchor can tell. */
  #hasTurned(elapsedMs: number): boolean {
    return (
      elapsedMs - this.#anchorElapsedMs - (this.#readWallMs - this.#anchorWallMs) > LAST_PART_MS
    )
  }

  /**
   * How much of the millisecond `wallMs` has passed, from 0 to `LAST_PART_MS`. Where the anchor says
   * otherwise the anchor is wrong, by what the clock was set or has drifted, and moves by just so
   * much: this is how it finds the beginning of the millisecond. Differences are taken before sums,
   * because milliseconds since 1970 with a fraction are exact to 244 ns only.
   */
  #partOf(wallMs: number, elapsedMs: number): number {
    if (this.#anchorWallMs === Number.NEGATIVE_INFINITY) {
      this.#anchorWallMs = wallMs
      this.#anchorElapsedMs = elapsedMs
    }
    const partMs = elapsedMs - this.#anchorElapsedMs - (wallMs - this.#anchorWallMs)
    if (partMs >= 0 && partMs <= LAST_PART_MS) return partMs
    const nearestMs = partMs < 0 ? 0 : LAST_PART_MS
    this.#anchorWallMs = wallMs
    this.#anchorElapsedMs = elapsedMs - nearestMs
    return nearestMs
  }
}
