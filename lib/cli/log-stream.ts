import type { Writable } from 'node:stream'
import type { FileAppender } from '../appender/file-appender.js'
import { LineWritable } from '../appender/line-writable.js'
import type { RollkeeperErrorCode } from '../platform/rollkeeper-error.js'
import type { AuditMode } from './audit-flags.js'

/** The warnings that say that a record could not be written when its turn came. */
const STALLS: ReadonlySet<RollkeeperErrorCode> = new Set([
  'ERR_ROLLKEEPER_FULL',
  'ERR_ROLLKEEPER_WRITE',
])

const DONE = Promise.resolve()

/**
 * The way of the lines into a log.
 *
 * - `blocking`: more is asked for when what came is kept.
 * - `batch`: more is asked for at once; what waits is bounded by the log, which drops the rest.
 * - `blocking-strict`: as `blocking`, and the first line that cannot be written ends the stream.
 */
export class LogStream {
  readonly #log: FileAppender
  readonly #mode: AuditMode
  readonly #stream: Writable
  #taken = 0

  constructor(log: FileAppender, mode: AuditMode) {
    this.#log = log
    this.#mode = mode
    this.#stream = mode === 'batch' ? this.#writing() : log.writable()
    if (mode !== 'blocking-strict') return
    log.on('warning', warning => {
      if (STALLS.has(warning.code)) this.#stream.destroy(warning)
    })
  }

  /** Takes bytes, and cuts them into lines. */
  get stream(): Writable {
    return this.#stream
  }

  /** Lines kept so far. */
  get lines(): number {
    const { records, dropped } = this.#log.stats()
    // Among the records there may be some that tell of gaps.
    return this.#mode === 'batch' ? this.#taken - dropped : records
  }

  #writing(): Writable {
    return new LineWritable({
      append: line => {
        this.#log.write(line)
        this.#taken++
        return DONE
      },
    })
  }
}
