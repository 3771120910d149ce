import { wrongType } from '../arguments/argument-error.js'
import { byteLength } from './write-queue.js'

/** Records that could not be kept, in one stretch. */
export interface Gap {
  /** How many records. */
  readonly records: number
  /** How many bytes they would have been in the file. */
  readonly bytes: number
  /** Why: the system's code, such as `ENOSPC`. */
  readonly why: string
}

/** Writes a gap as a record, in the words of the program that the log belongs to. */
export type GapRecord = (gap: Gap) => string

/** How a gap is written into the log, so that it tells of its own loss. */
export function formatGap(gap: Gap, now: number): string {
  const { records, bytes, why } = gap
  const time = new Date(now).toISOString()
  return `${time} rollkeeper: gap records=${records} bytes=${bytes} why=${JSON.stringify(why)}\n`
}

/**
 * Writes a gap by somebody else's function, checked. A gap is never lost through it: where it
 * throws, or gives what is no record, the gap is written by `formatGap`.
 *
 * @param gapRecord undefined for `formatGap`.
 * @param failed is told why it failed.
 * @returns a record: text that ends in a line end.
 */
export function formatGapBy(
  gapRecord: GapRecord | undefined,
  gap: Gap,
  now: number,
  failed: (cause: unknown) => void,
): string {
  if (!gapRecord) return formatGap(gap, now)
  try {
    const record: unknown = gapRecord({ ...gap })
    if (typeof record === 'string' && record.endsWith('\n')) return record
    throw wrongType('gapRecord(gap)', String.raw`a string that ends in '\n'`, record)
  } catch (cause) {
    failed(cause)
    return formatGap(gap, now)
  }
}

/**
 * The records that were lost, counted: all of them, and those of the stretch that has not ended;
 * and the lines that tell of gaps and wait to be written themselves, which are nobody's records.
 */
export class Losses {
  #records = 0
  #gap: Gap | undefined
  #lines: { readonly place: number; readonly bytes: number }[] = []

  /** Records lost so far. */
  get records(): number {
    return this.#records
  }

  /** The stretch that has not ended, if records are being lost. */
  get gap(): Gap | undefined {
    return this.#gap
  }

  /** Counts records as lost, in the stretch that has not ended, or a new one. */
  add(records: number, bytes: number, why: string): void {
    const before = this.#gap ?? { records: 0, bytes: 0 }
    this.#gap = { records: before.records + records, bytes: before.bytes + bytes, why }
    this.#records += records
  }

  /** Ends the stretch. */
  endGap(): void {
    this.#gap = undefined
  }

  /**
   * Notes a line that tells of a gap, while it waits.
   *
   * @param place how many records are written before it.
   */
  noteLine(place: number, line: string): void {
    this.#lines.push({ place, bytes: byteLength(line) })
  }

  /** Of what waits when so many records are written: how much of it are such lines. */
  linesAfter(written: number): { records: number; bytes: number } {
    const waiting = this.#lines.filter(({ place }) => place >= written)
    return {
      records: waiting.length,
      bytes: waiting.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  }

  /** No line waits any more. */
  forgetLines(): void {
    this.#lines.length = 0
  }
}
