/** Longest work in one go, in milliseconds, before others get their turn. */
const SLICE_MS = 0.5

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

  /** Whether it is time to let others work. */
  get isOver(): boolean {
    return performance.now() >= this.#endMs
  }

  /** Resolved: others had their turn, and the next slice begins. */
  async next(): Promise<void> {
    await new Promise(setImmediate)
    this.#endMs = performance.now() + SLICE_MS
  }
}
