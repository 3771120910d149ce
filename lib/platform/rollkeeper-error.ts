import { types } from 'node:util'

/**
 * What kind of failure it was. Stable within a major version; more may come. Each has its section
 * in `docs/errors.md`: when it happens, what is on disk then, what to do.
 */
export type RollkeeperErrorCode =
  | 'ERR_ROLLKEEPER_OPEN'
  | 'ERR_ROLLKEEPER_PATH'
  | 'ERR_ROLLKEEPER_LOCKED'
  | 'ERR_ROLLKEEPER_CLOSED'
  | 'ERR_ROLLKEEPER_FULL'
  | 'ERR_ROLLKEEPER_DROPPED'
  | 'ERR_ROLLKEEPER_WRITE'
  | 'ERR_ROLLKEEPER_SYNC'
  | 'ERR_ROLLKEEPER_ROTATE'
  | 'ERR_ROLLKEEPER_POLICY'
  | 'ERR_ROLLKEEPER_PRUNE'
  | 'ERR_ROLLKEEPER_ARCHIVE'
  | 'ERR_ROLLKEEPER_HOLD'

/** Everything that fails while the log is at work; wrong arguments are `TypeError`, `RangeError`. */
export class RollkeeperError extends Error {
  /** The kind of failure, to branch on. */
  readonly code: RollkeeperErrorCode
  /** The file it is about, absolute, where there is one. */
  declare readonly path?: string

  /**
   * @param code the kind of failure.
   * @param message one sentence for a person.
   * @param about the file it is about, and the error that caused it, mostly a system error.
   */
  constructor(
    code: RollkeeperErrorCode,
    message: string,
    about: { path?: string; cause?: unknown } = {},
  ) {
    super(message, 'cause' in about ? { cause: about.cause } : undefined)
    this.name = 'RollkeeperError'
    this.code = code
    if (about.path !== undefined) this.path = about.path
  }
}

/** What stands at the path of a log, when it is no place for one: `ERR_ROLLKEEPER_PATH`. */
export function notRegular(path: string): RollkeeperError {
  const message = `${path} is not a regular file: a log is not written through links, to devices or directories`
  return new RollkeeperError('ERR_ROLLKEEPER_PATH', message, { path })
}

/**
 * The code of a system error (`'ENOSPC'`), or undefined for anything else. Not by `instanceof`: under
 * Jest, and in other contexts of `node:vm`, the system's errors are of another realm.
 */
export function systemCode(error: unknown): string | undefined {
  if (!types.isNativeError(error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Any thrown value in few words: its system code where it has one, else its message. */
export function reasonOf(error: unknown): string {
  if (error instanceof RollkeeperError) return error.message
  return systemCode(error) ?? (types.isNativeError(error) ? error.message : String(error))
}
