import {
  reasonOf,
  RollkeeperError,
  systemCode,
  type RollkeeperErrorCode,
} from '../platform/rollkeeper-error.js'

/** How file systems say that there is no room. */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

/** Why a log cannot be written, and what those are told whose records it concerns. */
export class WriteFailure {
  readonly #path: string
  readonly #cause: unknown

  /** @param path the active file. */
  constructor(path: string, cause: unknown) {
    this.#path = path
    this.#cause = cause
  }

  /** Whether room on the disk is all that is missing. */
  get isFull(): boolean {
    return FULL.has(this.#code)
  }

  /** In a word: the system's code, where there is one. */
  get why(): string {
    return this.#code ?? reasonOf(this.#cause)
  }

  /** For all: records wait. */
  stalled(): RollkeeperError {
    const reason = reasonOf(this.#cause)
    return this.#error(this.#kind, `cannot write ${this.#path} (${reason}); records wait`)
  }

  /** For a caller whose record is not kept, since as much waits as `maxPending` allows. */
  refused(code: RollkeeperErrorCode, fate: string, maxPending: number): RollkeeperError {
    const reason = `maxPending (${maxPending} bytes) waits while ${this.#path} cannot be written (${this.why})`
    return this.#error(code, `${fate}: ${reason}`)
  }

  /** For those who waited in vain: the log is closed, and there was no other chance. */
  final(records: number, bytes: number): RollkeeperError {
    const lost =
      records > 0
        ? `${records} records (${bytes} bytes) are lost`
        : 'a line that tells of a gap is lost'
    return this.#error(
      this.#kind,
      `cannot write ${this.#path} (${this.why}); it is closed, and ${lost}`,
    )
  }

  get #kind(): RollkeeperErrorCode {
    return this.isFull ? 'ERR_ROLLKEEPER_FULL' : 'ERR_ROLLKEEPER_WRITE'
  }

  /** Also of an error that tells of a system error in our words. */
  get #code(): string | undefined {
    const cause = this.#cause
    return systemCode(cause instanceof RollkeeperError ? cause.cause : cause)
  }

  #error(code: RollkeeperErrorCode, message: string): RollkeeperError {
    return new RollkeeperError(code, message, { path: this.#path, cause: this.#cause })
  }
}
