import type { Cancel, Clock } from '../platform/clock.js'

/** Writing that has become impossible is tried again after this long, in milliseconds. */
const WRITE_AGAIN_MS = 250

/** Room is asked for again after this long, in milliseconds. */
const ASK_AGAIN_MS = 30_000

/** What there is to do about writing that is impossible. */
export interface RetryOwner {
  tryAgain(): void
  /** There is no room: perhaps somebody can make some. */
  askForRoom(): void
}

/** The timers of writing that is impossible: for the next try, and for asking for room. */
export class Retry {
  readonly #clock: Clock
  readonly #owner: RetryOwner
  #next: Cancel | undefined
  /** Runs while nobody has to be asked again. */
  #asked: Cancel | undefined

  constructor(clock: Clock, owner: RetryOwner) {
    this.#clock = clock
    this.#owner = owner
  }

  /** Arranges for the next try. What waits is not lost by a program that only waits for that. */
  arrange(): void {
    this.#next?.()
    this.#next = this.#clock.after(WRITE_AGAIN_MS, () => this.#owner.tryAgain(), 'keeps alive')
  }

  /** Asks for room, at once and then no more often than each half minute. */
  ask(): void {
    if (this.#asked) return
    this.#asked = this.#clock.after(ASK_AGAIN_MS, () => (this.#asked = undefined))
    this.#owner.askForRoom()
  }

  /** There is nothing to try any more. */
  stop(): void {
    this.#next?.()
    this.#asked?.()
    this.#asked = undefined
  }
}
