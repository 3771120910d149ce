import { atTime, type Cancel, type Clock } from '../platform/clock.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import {
  checkLimits,
  type ActiveFile,
  type RotationLimits,
  type RotationPolicy,
} from '../rotation/rotation-policy.js'

/** Whom the limits of a file tell of themselves. */
export interface LimitsOwner {
  /** The time of the file has come. */
  due(): void
  /** The policy failed, or said what cannot be. */
  warn(error: RollkeeperError): void
}

/** What limits a file: the option, which cannot fail, and a program, which may. */
export interface LimitOptions {
  /** Infinity for no limit. */
  readonly maxBytes: number
  readonly rotation: RotationPolicy
}

/** How long the active file may go on: what the rotation policy answered when it became active. */
export class FileLimits {
  readonly #clock: Clock
  readonly #options: LimitOptions
  readonly #owner: LimitsOwner
  #limits: RotationLimits = {}
  #openedAtMs = -Infinity
  #deadline: Cancel | undefined

  constructor(clock: Clock, options: LimitOptions, owner: LimitsOwner) {
    this.#clock = clock
    this.#options = options
    this.#owner = owner
  }

  /** Bytes that the file may have; Infinity for no limit. */
  get bytes(): number {
    return Math.min(this.#options.maxBytes, this.#limits.bytes ?? Infinity)
  }

  /**
   * Whether the time of the file is over; or has not even begun, where the clock was set back: what
   * the policy said then may be years away.
   */
  get time(): 'over' | 'running' | 'not begun' {
    const { until } = this.#limits
    if (until === undefined) return 'running'
    const now = this.#clock.now()
    if (now >= until.getTime()) return 'over'
    return now < this.#openedAtMs ? 'not begun' : 'running'
  }

  /** Asks the policy about the file that is active from now on, and sets the timer for its time. */
  begin(file: ActiveFile): void {
    this.#openedAtMs = file.openedAt.getTime()
    try {
      const limits = checkLimits(this.#options.rotation(file))
      this.#limits = stillToCome(limits, file)
      if (this.#limits !== limits) throw new Error('it set a time that is over already')
    } catch (cause) {
      const { path } = file
      const message = `the rotation policy failed (${reasonOf(cause)}); the last limits stay`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_POLICY', message, { path, cause }))
      this.#limits = stillToCome(this.#limits, file)
    }
    const { until } = this.#limits
    this.stop()
    if (until) this.#deadline = atTime(this.#clock, until.getTime(), () => this.#owner.due())
  }

  /** Stops the timer. */
  stop(): void {
    this.#deadline?.()
    this.#deadline = undefined
  }
}

/** A new file whose time is over already would be rotated after each record, for ever. */
function stillToCome(limits: RotationLimits, { bytes, openedAt }: ActiveFile): RotationLimits {
  const { until, ...others } = limits
  return !until || bytes > 0 || until.getTime() > openedAt.getTime() ? limits : others
}
