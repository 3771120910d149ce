import { Writable } from 'node:stream'
import { RollkeeperError } from '../platform/rollkeeper-error.js'

/** The part of an appender that takes lines. */
export interface LineSink {
  append(record: Uint8Array): Promise<void>
}

const LINE_END = 0x0a

/**
 * Cuts a stream of bytes into lines, each a record; a last line without an end gets one.
 *
 * It works on bytes, so a chunk may end in the middle of a line, and of a character. A chunk is
 * done, and the next one asked for, when its whole lines are acknowledged; `finish` means that
 * all are. A line that the log drops, because it is told to, does not end the stream: the log has
 * counted it.
 */
export class LineWritable extends Writable {
  readonly #sink: LineSink
  /** Pieces of the line that has not ended yet. */
  #pieces: Buffer[] = []

  constructor(sink: LineSink) {
    super({ decodeStrings: true })
    this.#sink = sink
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const last = chunk.lastIndexOf(LINE_END)
    if (last === -1) {
      if (chunk.length > 0) this.#pieces.push(Buffer.from(chunk))
      done()
      return
    }
    this.#appendLines(chunk.subarray(0, last + 1)).then(() => {
      this.#pieces = last + 1 < chunk.length ? [Buffer.from(chunk.subarray(last + 1))] : []
      done()
    }, done)
  }

  override _final(done: (error?: Error) => void): void {
    if (this.#pieces.length === 0) {
      done()
      return
    }
    const last = Buffer.concat([...this.#pieces, Buffer.of(LINE_END)])
    unlessDropped(this.#sink.append(last)).then(() => done(), done)
    this.#pieces = []
  }

  /** The records of a batch share a promise, so there are few to wait for. */
  async #appendLines(lines: Buffer): Promise<void> {
    const acknowledged = new Set<Promise<void>>()
    let end = lines.indexOf(LINE_END) + 1
    acknowledged.add(this.#sink.append(Buffer.concat([...this.#pieces, lines.subarray(0, end)])))
    while (end < lines.length) {
      const start = end
      end = lines.indexOf(LINE_END, start) + 1
      acknowledged.add(this.#sink.append(lines.subarray(start, end)))
    }
    await Promise.all(Array.from(acknowledged, unlessDropped))
  }
}

async function unlessDropped(acknowledged: Promise<void>): Promise<void> {
  try {
    await acknowledged
  } catch (error) {
    const isDropped = error instanceof RollkeeperError && error.code === 'ERR_ROLLKEEPER_DROPPED'
    if (!isDropped) throw error
  }
}
