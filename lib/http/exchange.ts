import type { AuditText, ResponseStage } from '../audit/audit-record.js'
import { isLongRunning } from '../audit/request-info.js'
import type { AuditUser } from './authenticated-user.js'
import type { IdentifiedRequest, Journal } from './journal.js'

/** What is logged of a response that never was: the client has gone, or was left without one. */
const CLIENT_GONE = 499

const SWITCHING_PROTOCOLS = 101

/** What is known of a request before its user is. */
export interface Arrival extends IdentifiedRequest {
  readonly method: string
  /** The target as the client sent it. */
  readonly target: string
  user: AuditText | undefined
  groups: readonly AuditText[] | null | undefined
}

/** What an exchange is part of. */
export interface ExchangeParts {
  readonly journal: Journal
  /** `'lines'` answer with the header; `'events'` tell of it where it matters, and of the end. */
  readonly form: 'lines' | 'events'
  /** All exchanges that are not over, by id: this one too, until it is. */
  readonly open: Map<string, Exchange>
}

/**
 * A request and its response in the log. Whatever becomes of them, and in whatever order it is told
 * here: one request line, then one response line.
 *
 *     arrived -> recorded -> answered -> over
 *
 * Lines of Kubernetes 1.4 and 1.6 answer with the header, so a watch is answered at its start: they
 * go from recorded to over. Events tell of the header of what takes long, and of the end.
 */
export class Exchange {
  readonly #arrival: Arrival
  readonly #parts: ExchangeParts
  #status: 'arrived' | 'recorded' | 'answered' | 'over' = 'arrived'
  #code: number | undefined
  #answersWith: 'header' | 'end'
  #lastStage: ResponseStage = 'ResponseComplete'

  constructor(arrival: Arrival, parts: ExchangeParts) {
    this.#arrival = arrival
    this.#parts = parts
    this.#answersWith = parts.form === 'events' ? 'end' : 'header'
    parts.open.set(arrival.id, this)
  }

  /** The id that joins the lines. */
  get id(): string {
    return this.#arrival.id
  }

  /** Whether no header was sent yet, as far as was told. */
  get awaitsHeader(): boolean {
    return this.#code === undefined && this.#status !== 'over'
  }

  /** Whether both lines are written. */
  get isOver(): boolean {
    return this.#status === 'over'
  }

  /** Whether the end of the response is still of interest after its header. */
  get hasEnd(): boolean {
    return this.#answersWith === 'end'
  }

  /**
   * Writes the request line.
   *
   * @returns whether it is kept, as `Journal.request`; false where it was written before.
   */
  record(user: AuditUser | undefined): boolean | Promise<boolean> {
    if (this.#status !== 'arrived') return false
    this.#status = 'recorded'
    this.#arrival.user = user?.name
    this.#arrival.groups = user?.groups
    return this.#parts.journal.request(this.#arrival)
  }

  /** A header was sent before the request came by here: its end is what is left to tell. */
  found(code: number): void {
    this.#code = code
    this.#answersWith = 'end'
  }

  /** A header was sent, with the code that the client sees. */
  sent(code: number): void {
    if (!this.awaitsHeader) return
    this.#code = code
    if (!this.hasEnd) this.end()
    else if (this.#status === 'recorded') {
      this.#status = 'answered'
      const { id, method, target } = this.#arrival
      const isLong = code === SWITCHING_PROTOCOLS || isLongRunning(method, target)
      if (isLong) this.#parts.journal.response(id, code, 'ResponseStarted')
    }
  }

  /** The handler has thrown. The code is still that which the client sees. */
  fail(): void {
    this.#lastStage = 'Panic'
  }

  /** The response is complete, or nothing more can come of it. */
  end(): void {
    if (this.#status === 'over') return
    // The client did not wait for us to find out who it is.
    if (this.#status === 'arrived') this.#parts.journal.writeRequest(this.#arrival)
    this.#status = 'over'
    this.#parts.open.delete(this.id)
    this.#parts.journal.response(this.id, this.#code ?? CLIENT_GONE, this.#lastStage)
  }
}
