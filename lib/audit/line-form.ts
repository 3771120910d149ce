import { outOfRange, wrongType } from '../arguments/argument-error.js'
import type { Instant, NanoClock } from '../platform/nano-clock.js'
import { AFTER_TIME, requestLine, responseLine } from './audit-line.js'
import type { AuditFormat, AuditRequestFields, ResponseStage } from './audit-record.js'
import { goEscape } from './go-quote.js'
import { TimeWriter } from './rfc3339.js'

/** How an `AuditLog` words its lines, each with the time of the call. */
export interface LineForm {
  /** The line of a request, ended by `\n`. Throws TypeError naming the field. */
  requestLine(id: string, fields: AuditRequestFields): string
  /** The line of a response, ended by `\n`. Throws TypeError or RangeError naming the field. */
  responseLine(id: string, code: number, stage: ResponseStage): string
}

/** The lines of Kubernetes, which know no stages: there is one line when the response begins. */
export class KubernetesForm implements LineForm {
  readonly #format: AuditFormat
  readonly #clock: Pick<NanoClock, 'now'>
  readonly #timeWriter: TimeWriter

  /** @param offsetSecondsAt the offset of the zone to write times in, see `TimeWriter`. */
  constructor(
    format: AuditFormat,
    clock: Pick<NanoClock, 'now'>,
    offsetSecondsAt: (seconds: number) => number,
  ) {
    this.#format = format
    this.#clock = clock
    this.#timeWriter = new TimeWriter(offsetSecondsAt, AFTER_TIME)
  }

  requestLine(id: string, fields: AuditRequestFields): string {
    return requestLine(this.#begin(), id, fields, this.#format)
  }

  /** A panic has the line of any response. */
  responseLine(id: string, code: number, stage: ResponseStage): string {
    if (typeof id !== 'string') throw wrongType('response.id', 'a string', id)
    if (stage !== 'ResponseComplete' && stage !== 'Panic') {
      const expected = `'ResponseComplete' or 'Panic', as format ${this.#format} has no other`
      throw outOfRange('response.stage', expected, stage)
    }
    return responseLine(this.#begin(), goEscape(id), code)
  }

  #begin(): string {
    const { seconds, nanos }: Instant = this.#clock.now()
    return this.#timeWriter.write(seconds, nanos)
  }
}
