/** Longest work in one go, in milliseconds, before others get their turn. */
const SLICE_MS = 0.5

/**
 * The clock is looked at once in so many questions, as a look costs as much as what is between two;
 * but at each of them once that has turned out to take long, as on a slow disk.
 */
const QUESTIONS_PER_LOOK = 8

/**
 * Cuts long work into slices of half a millisecond, so that nobody who shares the event loop feels it.
 *
 *     const slice = new TimeSlice()
 *     for (const name of names) {
 *       if (slice.isOver) await slice.next()
 *       …
 *     }
 *
 * Measured, not counted: how much fits into one depends on the machine, and on whether
 * the disk has at hand what it is asked for.
 */
export class TimeSlice {
  #endMs = performance.now() + SLICE_MS
  #questions = 0
  #questionsPerLook = QUESTIONS_PER_LOOK

  /** Whether it is time to let others work. */
  get isOver(): boolean {
    if (++this.#questions % this.#questionsPerLook !== 0) return false
    const lateMs = performance.now() - this.#endMs
    if (lateMs < 0) return false
    this.#questionsPerLook = lateMs > SLICE_MS ? 1 : QUESTIONS_PER_LOOK
    return true
  }

  /** Resolved: others had their turn, and the next slice begins. */
  async next(): Promise<void> {
    await new Promise(setImmediate)
    this.#endMs = performance.now() + SLICE_MS
  }
}
