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

/** A line that is to be acknowledged, and who waits for that: nobody for that of a response. */
interface HandedLine {
  readonly id: string
  readonly settle: ((kept: boolean) => void) | undefined
}

/** Lines that are acknowledged together: a `FileAppender` has one promise for all of a batch. */
interface Batch {
  readonly acknowledged: Promise<void>
  readonly lines: HandedLine[]
  status: 'waited for' | 'overdue'
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
  /** The one that lines of this turn are handed over in. */
  #batch: Batch | undefined
  /** Batches that were waited for in vain, and are not acknowledged yet. */
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
    const { id } = request
    if (this.#overdue === 0) {
      return new Promise(resolve => {
        this.#hand(id, () => this.#audit.handRequest(id, request), resolve)
      })
    }
    if (this.writeRequest(request)) this.#countLate(id)
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
      this.#hand(id, () => this.#audit.handResponse(id, code, stage))
    }
  }

  /** @param settle is told whether the line is kept; false also when that takes too long. */
  #hand(id: string, append: () => Promise<void>, settle?: (kept: boolean) => void): void {
    let acknowledged: Promise<void>
    try {
      acknowledged = Promise.resolve(append()) // a promise stays the same; a sink may give none
    } catch (error) {
      this.#audit.counters.countError(id, error)
      settle?.(false)
      return
    }
    if (this.#batch === undefined || this.#batch.acknowledged !== acknowledged) {
      this.#batch = this.#expect(acknowledged)
    }
    this.#batch.lines.push({ id, settle })
  }

  #expect(acknowledged: Promise<void>): Batch {
    const batch: Batch = { acknowledged, lines: [], status: 'waited for' }
    const close = (): void => {
      if (this.#batch === batch) this.#batch = undefined
    }
    setImmediate(close) // who comes in a later turn waits as long as everybody
    const cancel = this.#clock.after(this.#options.maxWaitMs, () => {
      batch.status = 'overdue'
      this.#overdue++
      for (const { id, settle } of batch.lines) {
        if (settle) this.#countLate(id)
        settle?.(false)
      }
    })
    const end = (settleLine: (line: HandedLine) => void): void => {
      cancel()
      if (batch.status === 'overdue') this.#overdue--
      close()
      for (const line of batch.lines) settleLine(line)
    }
    acknowledged.then(
      () => end(({ settle }) => settle?.(true)),
      (error: unknown) => {
        end(({ id, settle }) => {
          this.#audit.counters.countError(id, error)
          settle?.(false)
        })
      },
    )
    return batch
  }

  #countLate(id: string): void {
    const { maxWaitMs } = this.#options
    const message = `the line of request ${id} was not acknowledged within ${maxWaitMs} ms`
    this.#audit.counters.countError(id, new Error(message))
  }
}
