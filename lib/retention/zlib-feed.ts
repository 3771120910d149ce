import type { Gunzip, Gzip } from 'node:zlib'

/**
 * Feeds zlib piece by piece, and waits for what comes of each before the next. So one thread of the
 * pool is busy at a time, memory stays flat however large the file is, and a piece may be reused as
 * soon as it is through.
 */
export class ZlibFeed {
  readonly #zlib: Gzip | Gunzip
  #came: Uint8Array[] = []
  #status: 'open' | 'ended' | 'failed' = 'open'
  #error: unknown
  #waiting: { resolve: () => void; reject: (error: unknown) => void } | undefined

  /** @param zlib a stream nobody else uses. */
  constructor(zlib: Gzip | Gunzip) {
    this.#zlib = zlib
    zlib.on('data', (piece: Uint8Array) => this.#came.push(piece))
    zlib.once('end', () => {
      this.#status = 'ended'
      this.#waiting?.resolve()
    })
    zlib.once('error', (error: unknown) => {
      this.#status = 'failed'
      this.#error = error
      this.#waiting?.reject(error)
    })
  }

  /**
   * Resolved with what came of a piece: it may be reused. Rejected: zlib makes nothing of it. Zeros
   * that pad a compressed file are passed over, with all that follows them.
   */
  async put(piece: Uint8Array): Promise<readonly Uint8Array[]> {
    // Where zeros follow the end, zlib ends without calling back.
    await this.#wait(done => this.#zlib.write(piece, done))
    return this.#take()
  }

  /** Resolved with the last that comes. Rejected: there should have been more. */
  async end(): Promise<readonly Uint8Array[]> {
    await this.#wait(() => this.#zlib.end())
    return this.#take()
  }

  /** Frees what zlib holds. To be called in the end, not while a piece is on its way. */
  close(): void {
    this.#zlib.destroy()
  }

  async #wait(begin: (done: (error?: Error | null) => void) => void): Promise<void> {
    if (this.#status === 'failed') throw this.#error
    if (this.#status === 'ended') return
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject }
      begin(error => (error ? reject(error) : resolve()))
    })
    this.#waiting = undefined
  }

  #take(): Uint8Array[] {
    const came = this.#came
    this.#came = []
    return came
  }
}
