import type { AuditLog, AuditLogRequest } from '../audit/audit-log.js'
import type { ResponseStage } from '../audit/audit-record.js'
import { systemClock, type Clock } from '../platform/clock.js'
import type { AuditMode } from './http-options.js'

/** A request that has its id. */
export interface IdentifiedRequest extends AuditLogRequest {
  readonly id: string
}

/** What a journal needs to know. */
export interface JournalOptions {
  readonly mode: AuditMode
  /** How long a line is waited for, in milliseconds. */
  readonly maxWaitMs: number
  /** The time, for specs. */
  readonly clock?: Clock | undefined
}

/**
 * Hands lines to the log, and waits for it as the mode says, but not for ever. A log on a full disk
 * acknowledges nothing and refuses nothing until there is room: once a line has waited too long,
 * nobody waits any more, until the log has acknowledged it after all. What fails is counted by the
 * audit log.
 */
export class Journal {
  readonly #audit: AuditLog
  readonly #options: JournalOptions
  readonly #clock: Clock
  /** Lines that were waited for in vain, and are not acknowledged yet. */
  #overdue = 0

  constructor(audit: AuditLog, options: JournalOptions) {
    this.#audit = audit
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * Hands over the line of a request.
   *
   * @returns whether it is kept: acknowledged by the log, or, in mode `'batch'`, taken by it. A
   *   promise, never rejected, while that is not known yet.
   */
  request(request: IdentifiedRequest): boolean | Promise<boolean> {
    if (this.#options.mode === 'batch') return this.writeRequest(request)
    if (this.#overdue === 0) return this.#awaited(request.id, this.#audit.appendRequest(request))
    if (this.writeRequest(request)) this.#countLate(request.id)
    return false
  }

  /** Hands over the line of a request without waiting. Returns whether the log has taken it. */
  writeRequest(request: IdentifiedRequest): boolean {
    try {
      this.#audit.request(request)
      return true
    } catch {
      return false // the audit log has counted it
    }
  }

  /** Hands over the line of a response. Nothing waits for it: its header is on its way. */
  response(id: string, code: number, stage: ResponseStage): void {
    if (this.#options.mode === 'batch' || this.#overdue > 0) {
      try {
        this.#audit.response(id, code, stage)
      } catch {
        // The audit log has counted it.
      }
    } else {
      this.#audit.appendResponse(id, code, stage).catch(() => undefined) // counted likewise
    }
  }

  #awaited(id: string, appended: Promise<unknown>): Promise<boolean> {
    return new Promise(resolve => {
      let wait: 'patient' | 'over' = 'patient'
      const cancel = this.#clock.after(this.#options.maxWaitMs, () => {
        wait = 'over'
        this.#overdue++
        this.#countLate(id)
        resolve(false)
      })
      const settle = (kept: boolean): void => {
        cancel()
        if (wait === 'over') this.#overdue--
        resolve(kept)
      }
      appended.then(
        () => settle(true),
        () => settle(false),
      )
    })
  }

  #countLate(id: string): void {
    const { maxWaitMs } = this.#options
    const message = `the line of request ${id} was not acknowledged within ${maxWaitMs} ms`
    this.#audit.counters.countError(id, new Error(message))
  }
}
