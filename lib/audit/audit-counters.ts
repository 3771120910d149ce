import { channel } from 'node:diagnostics_channel'
import { RollkeeperError } from '../platform/rollkeeper-error.js'

/** What an audit has counted since it began; the names behind are those of Kubernetes' metrics. */
export interface AuditStats {
  /** Lines made and handed to the log: `apiserver_audit_event_total`. */
  readonly events: number
  /**
   * Lines that could not be made, or that the log did not take or keep:
   * `apiserver_audit_error_total`.
   */
  readonly errors: number
  /** Requests refused because they could not be audited: `apiserver_audit_requests_rejected_total`. */
  readonly rejectedRequests: number
}

const eventChannel = channel('rollkeeper:audit:event')
const errorChannel = channel('rollkeeper:audit:error')
const rejectedChannel = channel('rollkeeper:audit:rejected')

/**
 * Counts what becomes of audit lines, and tells of each on `node:diagnostics_channel`:
 * `rollkeeper:audit:event` with `{ id, line }`, `rollkeeper:audit:error` with `{ id, error }` and
 * `rollkeeper:audit:rejected` with `{ id }`. Where nobody subscribes, nothing is made for it.
 *
 * What the log drops without an error is counted too, if the log has a method `stats` that gives a
 * number `dropped`, as a `FileAppender` does: whenever `write` asks to wait. A log that others write
 * to counts theirs along; what it loses when it is closed it tells itself.
 */
export class AuditCounters {
  readonly #log: unknown
  #events = 0
  #errors = 0
  #rejectedRequests = 0
  /** What the log had dropped when it was looked at last; undefined where it does not tell. */
  #dropped: number | undefined

  /** @param log where the lines go. */
  constructor(log?: unknown) {
    this.#log = log
    this.#dropped = droppedBy(log)
  }

  /** Counts a line that is handed to the log. */
  countEvent(id: string, line: string): void {
    this.#events++
    if (eventChannel.hasSubscribers) eventChannel.publish({ id, line })
  }

  /**
   * Counts a line that could not be made or kept.
   *
   * @param id undefined where there was none.
   */
  countError(id: string | undefined, error: unknown): void {
    // A log that counts what it drops has counted this one: looking at it is counting it.
    if (this.#dropped === undefined || !isDropped(error)) this.#errors++
    else this.#lookAtLog()
    if (errorChannel.hasSubscribers) errorChannel.publish({ id, error })
  }

  /**
   * Counts what the log has dropped since it was looked at last.
   *
   * @param id of the line after which the log asked to wait.
   */
  countDropped(id: string): void {
    const count = this.#lookAtLog()
    if (count === 0 || !errorChannel.hasSubscribers) return
    const message = `the log dropped ${count} ${count === 1 ? 'record' : 'records'}`
    errorChannel.publish({ id, error: new RollkeeperError('ERR_ROLLKEEPER_DROPPED', message) })
  }

  /** Counts a request that was refused because its line could not be kept. */
  countRejected(id: string): void {
    this.#rejectedRequests++
    if (rejectedChannel.hasSubscribers) rejectedChannel.publish({ id })
  }

  /** The figures now; an object of its own each time. */
  stats(): AuditStats {
    return {
      events: this.#events,
      errors: this.#errors,
      rejectedRequests: this.#rejectedRequests,
    }
  }

  #lookAtLog(): number {
    if (this.#dropped === undefined) return 0
    const dropped = droppedBy(this.#log) ?? this.#dropped
    const count = Math.max(0, dropped - this.#dropped)
    this.#dropped = dropped
    this.#errors += count
    return count
  }
}

function droppedBy(log: unknown): number | undefined {
  if (typeof log !== 'object' || log === null) return undefined
  if (!('stats' in log) || typeof log.stats !== 'function') return undefined
  const stats: unknown = log.stats()
  if (typeof stats !== 'object' || stats === null || !('dropped' in stats)) return undefined
  return typeof stats.dropped === 'number' ? stats.dropped : undefined
}

function isDropped(error: unknown): boolean {
  // Not by `instanceof`: the log may be of the other build of this package.
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return error.code === 'ERR_ROLLKEEPER_DROPPED'
}
