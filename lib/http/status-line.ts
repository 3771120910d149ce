import { isUint8Array } from 'node:util/types'

const FINAL_STATUS = /^HTTP\/1\.[01] ([1-9]\d\d)/

/** Bytes of a status line up to the end of its code: `HTTP/1.1 200`. */
const STATUS_BYTES = 12

const HEADER_END = '\r\n\r\n'

/** The one code below 200 that ends the talk of HTTP (RFC 9110, 15.2.2); others only announce. */
const SWITCHING_PROTOCOLS = 101

/** Longest header of an interim response that is looked through, in characters. */
const INTERIM_MAX = 65_536

/**
 * Reads the status of a response from the bytes that are written to its connection. Interim
 * responses (100, 102, 103) are skipped; 101 is none, as nothing of HTTP follows it.
 */
export class StatusLineReader {
  /** What was written so far, from where a status line may begin. */
  #text = ''

  /**
   * @param chunk what is written next, as `socket.write` takes it.
   * @returns the final status; undefined as long as none was written.
   */
  read(chunk: unknown): number | undefined {
    if (this.#text === '') {
      const quick = statusOf(typeof chunk === 'string' ? chunk : textOf(chunk, STATUS_BYTES))
      if (quick !== undefined && isFinal(quick)) return quick
    }
    return this.#readOn(textOf(chunk, INTERIM_MAX))
  }

  #readOn(text: string): number | undefined {
    this.#text = (this.#text + text).slice(0, INTERIM_MAX)
    for (;;) {
      if (this.#text.length < STATUS_BYTES) return undefined
      const status = statusOf(this.#text)
      if (status !== undefined && isFinal(status)) return status
      const end = status === undefined ? -1 : this.#text.indexOf(HEADER_END)
      if (end < 0) {
        if (status === undefined) this.#text = '' // no HTTP: it may yet follow, as a whole
        return undefined
      }
      this.#text = this.#text.slice(end + HEADER_END.length)
    }
  }
}

function isFinal(status: number): boolean {
  return status >= 200 || status === SWITCHING_PROTOCOLS
}

function statusOf(text: string): number | undefined {
  const digits = FINAL_STATUS.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** A header is ASCII or latin1, one character a byte; of anything else it is told apart all the same. */
function textOf(chunk: unknown, bytesMax: number): string {
  if (typeof chunk === 'string') return chunk
  if (!isUint8Array(chunk)) return ''
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return bytes.toString('latin1', 0, bytesMax)
}
