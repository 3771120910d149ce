import type { Clock } from '../../lib/platform/clock.js'

interface Timer {
  dueMs: number
  callback: () => void
}

/**
 * A clock that a test holds in its hand: wall time and running time stand still until they are
 * told to go on, each by itself.
 */
export class ManualClock implements Clock {
  #nowMs: number
  #elapsedMs = 0
  #timers = new Set<Timer>()

  constructor(start = '2016-09-07T13:03:57.400Z') {
    this.#nowMs = Date.parse(start)
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#nowMs
  }

  running(): number {
    return this.#elapsedMs
  }

  after(waitMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + waitMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Sets the wall clock, as an administrator does; no time passes by it. */
  set(time: string | number): void {
    this.#nowMs = typeof time === 'string' ? Date.parse(time) : time
  }

  /**
   * Suspends the machine: time passes, on the wall too, but timers wait as long again as they would
   * have, as those of Node do.
   */
  suspend(ms: number): void {
    for (const timer of this.#timers) timer.dueMs += ms
    this.#advance(ms)
  }

  /** Lets time pass, on the wall too; timers fire in their order. */
  pass(ms: number): void {
    const end = this.#elapsedMs + ms
    for (;;) {
      const next = [...this.#timers].sort((one, other) => one.dueMs - other.dueMs)[0]
      if (!next || next.dueMs > end) break
      this.#timers.delete(next)
      this.#advance(Math.max(0, next.dueMs - this.#elapsedMs))
      next.callback()
    }
    this.#advance(end - this.#elapsedMs)
  }

  #advance(ms: number): void {
    this.#elapsedMs += ms
    this.#nowMs += ms
  }
}
