import { types } from 'node:util'
import { wrongType } from '../arguments/argument-error.js'

/** One unit of the log: text (written as UTF-8) or bytes, not empty, that ends in a line end. */
export type AuditRecord = string | Uint8Array

const LINE_END = 0x0a

/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const UNIT_MAX_BYTES = 3

/**
 * Encoded batches pass through here, one at a time, since encoding and writing happen in one go.
 * Made by its first use, kept for the life of the process: a fresh buffer for each batch costs as
 * much again as writing it.
 */
let passage: Buffer | undefined
const PASSAGE_BYTES = 256 * 1024

/**
 * Records that wait to be written, in their order.
 *
 * Sizes are counted in *units*: the `length` of a record, which costs nothing to know. Bytes are
 * between one and three times as many; they are only counted where a limit may be near.
 */
export class WriteQueue {
  #records: AuditRecord[] = []
  #units = 0
  #binary = 0

  /** Records that wait. */
  get length(): number {
    return this.#records.length
  }

  /** A lower bound for the bytes that wait, at no cost. */
  get units(): number {
    return this.#units
  }

  /** The bytes that wait, counted. */
  countBytes(): number {
    return this.#records.reduce((bytes, record) => bytes + byteLength(record), 0)
  }

  /**
   * Takes a record in; bytes are copied.
   *
   * @returns the units that wait now.
   * @throws TypeError for anything that is no record; nothing is taken in then.
   */
  add(record: AuditRecord): number {
    checkRecord(record)
    if (typeof record === 'string') {
      this.#records.push(record)
    } else {
      this.#records.push(Buffer.from(record))
      this.#binary++
    }
    return (this.#units += record.length)
  }

  /** How many of the first records fit into so many bytes, to the byte. */
  countFitting(bytes: number): number {
    if (this.#units * UNIT_MAX_BYTES <= bytes) return this.#records.length
    let left = bytes
    let count = 0
    for (const record of this.#records) {
      left -= byteLength(record)
      if (left < 0) break
      count++
    }
    return count
  }

  /** The first `count` records as bytes. Valid until the next call, of any queue. */
  encode(count: number): Uint8Array {
    const records = count === this.#records.length ? this.#records : this.#records.slice(0, count)
    if (this.#binary > 0) return Buffer.concat(records.map(toBytes))
    const [first] = records
    const text = records.length === 1 && typeof first === 'string' ? first : records.join('')
    if (text.length * UNIT_MAX_BYTES > PASSAGE_BYTES) return Buffer.from(text)
    passage ??= Buffer.allocUnsafeSlow(PASSAGE_BYTES)
    return passage.subarray(0, passage.write(text))
  }

  /**
   * Lets go of the records that lie within the first `bytes` bytes.
   *
   * @returns how many records that were, and how many bytes are left over, of the next one.
   */
  release(bytes: number): { records: number; beyond: number } {
    let records = 0
    let beyond = bytes
    for (const record of this.#records) {
      const length = byteLength(record)
      if (length > beyond) break
      beyond -= length
      records++
    }
    this.drop(records)
    return { records, beyond }
  }

  /** Lets go of the first `count` records. */
  drop(count: number): void {
    if (count === this.#records.length) {
      this.#records = []
      this.#units = 0
      this.#binary = 0
      return
    }
    for (const record of this.#records.splice(0, count)) {
      this.#units -= record.length
      if (typeof record !== 'string') this.#binary--
    }
  }
}

/**
 * Checks that something is a record.
 *
 * @throws TypeError if it is not.
 */
export function checkRecord(record: AuditRecord): void {
  const ended =
    typeof record === 'string'
      ? record.charCodeAt(record.length - 1) === LINE_END
      : types.isUint8Array(record) && record[record.length - 1] === LINE_END
  if (!ended) {
    throw wrongType('record', String.raw`a string or a Uint8Array that ends in '\n'`, record)
  }
}

/** Size of a record in the file, in bytes. */
export function byteLength(record: AuditRecord): number {
  return typeof record === 'string' ? Buffer.byteLength(record) : record.length
}

function toBytes(record: AuditRecord): Uint8Array {
  return typeof record === 'string' ? Buffer.from(record) : record
}
