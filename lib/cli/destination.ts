import { Writable } from 'node:stream'
import { FileAppender } from '../appender/file-appender.js'
import type { FileAppenderOptions } from '../appender/options.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import type { AuditMode } from './audit-flags.js'
import { optionName } from './flag-value.js'
import { LogStream } from './log-stream.js'
import { report, UsageError } from './report.js'

const LINE_END = 0x0a

/** Where `rollkeeper write` puts the lines. */
export interface Destination {
  /** Takes bytes; asks for more when what it has is kept. */
  readonly stream: Writable
  /** Whether all that was promised held, as far as the destination itself knows. */
  readonly sound: boolean
  /** Lines kept so far; undefined where that cannot be told. */
  readonly lines: number | undefined
  /** What SIGHUP asks for. Never rejected: what fails is reported. */
  reopen(): Promise<void>
  /** What SIGUSR1 asks for. Never rejected: what fails is reported. */
  rotate(): Promise<void>
  /** Resolved: all was kept. Rejected: it cannot be; it does not wait for better times. */
  finish(piped: Promise<void>): Promise<void>
}

/** A log, which reports its warnings and losses to the operator. */
export class LogDestination implements Destination {
  readonly stream: Writable
  readonly #log: FileAppender
  readonly #mode: AuditMode
  readonly #lines: LogStream
  #sound = true

  /**
   * @param mode what becomes of lines while the log cannot be written; `batch` drops what the log has
   *   no room for in memory, whatever `onFull` says.
   * @throws RollkeeperError when the log cannot be opened; UsageError for what only the appender
   *   knows to be wrong, such as a file name that leaves no room for a backup's.
   */
  constructor(options: FileAppenderOptions, mode: AuditMode = 'blocking') {
    this.#log = open(mode === 'batch' ? { ...options, onFull: 'drop' } : options)
    this.#mode = mode
    this.#log.on('warning', report)
    this.#log.on('error', error => {
      this.#sound = false
      report(error)
    })
    this.#log.on('gap', ({ records, bytes, why }) => {
      this.#sound = false
      report(`gap: ${records} records (${bytes} bytes) could not be written (${why})`)
    })
    this.#log.on('recover', ({ tornBytes }) => {
      if (tornBytes > 0)
        report(`found ${tornBytes} bytes of a record that was cut, and closed them off`)
    })
    this.#lines = new LogStream(this.#log, mode)
    this.stream = this.#lines.stream
  }

  get sound(): boolean {
    return this.#sound
  }

  get lines(): number {
    return this.#lines.lines
  }

  async reopen(): Promise<void> {
    await this.#log.reopen().catch(reportUnlessClosed)
  }

  async rotate(): Promise<void> {
    await this.#log.rotate('SIGUSR1').catch(reportUnlessClosed)
  }

  /**
   * While writing is possible each turn writes what waits, so this ends. While it is not, the rules
   * may make room; it gives up when that is of no help. In mode `blocking-strict` it does at once.
   */
  async finish(piped: Promise<void>): Promise<void> {
    const settled = piped.then(
      () => true,
      () => true, // it is heard below, after the log is closed
    )
    let goesOn = true
    while (goesOn && !(await Promise.race([settled, nextTurn()]))) goesOn = await this.#goesOn()
    // Lines that were taken without waiting may still wait.
    while (goesOn && !this.#flush()) goesOn = await this.#goesOn()
    await this.#log.close()
    await piped
  }

  /** Whether there is a use in trying on. */
  async #goesOn(): Promise<boolean> {
    if (this.#flush()) return true
    return this.#mode !== 'blocking-strict' && this.#makesProgress()
  }

  #flush(): boolean {
    try {
      this.#log.flushSync()
      return true
    } catch {
      return false // closing tries once more, and says why not
    }
  }

  /** Resolved when the rules have made what room they can: whether anything was written since. */
  async #makesProgress(): Promise<boolean> {
    const { records } = this.#log.stats()
    await this.#log.settled()
    return this.#flush() || this.#log.stats().records > records
  }
}

function open(options: FileAppenderOptions): FileAppender {
  try {
    return new FileAppender(options)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      const message = error.message.replace(/^option (\w+)/, (_, name: string) => optionName(name))
      throw new UsageError(message, { cause: error })
    }
    throw error
  }
}

/** Standard output: the bytes as they come, with an end for a last line that has none. */
export class StandardOutput implements Destination {
  readonly stream: Writable
  readonly sound = true
  readonly lines = undefined

  constructor() {
    // A write that fails tells its callback too, which is where it is dealt with.
    process.stdout.on('error', () => undefined)
    let endsWithLine = true
    this.stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        endsWithLine = chunk.at(-1) === LINE_END
        process.stdout.write(chunk, done)
      },
      final(done) {
        if (endsWithLine) done()
        else process.stdout.write('\n', done)
      },
    })
  }

  async reopen(): Promise<void> {}

  async rotate(): Promise<void> {}

  async finish(piped: Promise<void>): Promise<void> {
    try {
      await piped
    } catch (cause) {
      throw new Error(`cannot write to standard output (${reasonOf(cause)})`, { cause })
    }
  }
}

/** A signal that comes while the log is being closed has nothing left to do. */
function reportUnlessClosed(error: unknown): void {
  const isClosed = error instanceof RollkeeperError && error.code === 'ERR_ROLLKEEPER_CLOSED'
  if (!isClosed) report(error)
}

function nextTurn(): Promise<false> {
  return new Promise(resolve => setImmediate(resolve, false))
}
