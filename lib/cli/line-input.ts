import { PassThrough, type Readable } from 'node:stream'
import { readAvailable } from '../platform/disk.js'

/**
 * Read ahead of what is kept, in bytes. A pipe holds at most as much where nobody has privileges
 * (/proc/sys/fs/pipe-max-size), so the end of the input is seen also while nothing can be written.
 */
const AHEAD_BYTES = 1024 * 1024

/** Taken at most from a pipe that goes on being filled after the signal to stop, in bytes. */
const LAST_BYTES = 1024 * 1024

const PIECE_BYTES = 64 * 1024
const LINE_END = 0x0a

/**
 * The input, as a stream that can be told to stop without losing what was there before: what its
 * source has in memory, and what waits in the pipe.
 */
export class LineInput {
  /** Everything that was taken; ends with the source, or when it is told to stop. */
  readonly stream = new PassThrough({ highWaterMark: AHEAD_BYTES })
  /** Resolved: nothing more will be taken. Rejected where the source cannot be read. */
  readonly over: Promise<void>
  readonly #source: Readable
  readonly #fd: number
  #ended!: () => void
  #lines = 0
  #endsWithLine = true

  /**
   * @param source a stream of bytes, such as `process.stdin`.
   * @param fd its descriptor.
   */
  constructor(source: Readable, fd: number) {
    this.#source = source
    this.#fd = fd
    this.over = new Promise((resolve, reject) => {
      this.#ended = resolve
      source.once('error', reject)
    })
    source.once('error', () => this.#end())
    source.on('data', this.#take)
    source.once('end', () => this.#end())
    this.stream.on('drain', () => source.resume())
  }

  /** Lines taken so far, with a last one that has no end. */
  get lines(): number {
    return this.#lines + (this.#endsWithLine ? 0 : 1)
  }

  /** Takes what can be had without waiting, and ends. Stopping twice is stopping once. */
  stop(): void {
    if (this.stream.writableEnded) return
    this.#source.off('data', this.#take).pause()
    for (let chunk = this.#readBuffered(); chunk !== null; chunk = this.#readBuffered()) {
      this.#take(chunk)
    }
    for (let left = LAST_BYTES; left > 0;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES)
      const came = readAvailable(this.#fd, piece)
      if (came === 0) break
      this.#take(piece.subarray(0, came))
      left -= came
    }
    this.#end()
  }

  #readBuffered(): Buffer | null {
    const chunk: Buffer | null = this.#source.read()
    return chunk
  }

  readonly #take = (chunk: Buffer): void => {
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, end + 1)) {
      this.#lines++
    }
    this.#endsWithLine = chunk.at(-1) === LINE_END
    if (!this.stream.write(chunk)) this.#source.pause()
  }

  #end(): void {
    this.#ended()
    this.stream.end()
    this.#source.destroy()
  }
}
