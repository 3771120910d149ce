import { types } from 'node:util'
import { wrongType } from '../arguments/argument-error.js'
import { Parcel } from './parcel.js'

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
 *
 * What has to wait for long is *packed*: encoded once, into memory of its own. Then its size is
 * known to the byte, it holds on to nothing of its caller's, and another try to write it costs no
 * encoding. Packed records are offered a parcel at a time; who takes until `length` is 0 has all.
 */
export class WriteQueue {
  /** Packed records; all come before the others. None of them is empty. */
  readonly #parcels: Parcel[] = []
  #packedBytes = 0
  #records: AuditRecord[] = []
  #units = 0
  #binary = 0

  /** Records that can be taken together: all that wait, or those of the first parcel. */
  get length(): number {
    return (this.#parcels[0] ?? this.#records).length
  }

  /** The records that wait, counted. */
  countRecords(): number {
    return this.#parcels.reduce((records, { length }) => records + length, this.#records.length)
  }

  /** The bytes that wait: known of what is packed, counted of the others. */
  countBytes(): number {
    return this.#records.reduce((bytes, record) => bytes + byteLength(record), this.#packedBytes)
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

  /** Takes a record in, packed, and packs those before it. */
  addPacked(record: AuditRecord): void {
    checkRecord(record)
    this.pack()
    const bytes = byteLength(record)
    let parcel = this.#parcels.at(-1)
    if (!parcel?.takes(bytes)) {
      parcel?.trim()
      parcel = Parcel.forRecord(bytes)
      this.#parcels.push(parcel)
    }
    parcel.add(record, bytes)
    this.#packedBytes += bytes
  }

  /**
   * Packs all that waits. It stays together: where a write has failed, and what arrived of it cannot
   * be read back at once, the next one has to begin with the same bytes, and no fewer.
   */
  pack(): void {
    if (this.#records.length === 0) return
    const bytes = Buffer.from(this.#encodeUnpacked(this.#records.length))
    this.#parcels.push(Parcel.of(bytes, this.#records.map(byteLength)))
    this.#packedBytes += bytes.length
    this.#dropUnpacked(this.#records.length)
  }

  /** How many of the first records fit into so many bytes, to the byte; of those in `length`. */
  countFitting(bytes: number): number {
    const isPacked = this.#parcels.length > 0
    if (!isPacked && this.#units * UNIT_MAX_BYTES <= bytes) return this.#records.length
    return this.#countWithin(bytes).records
  }

  /** The first `count` records of `length` as bytes. Valid until the next call, of any queue. */
  encode(count: number): Uint8Array {
    return this.#parcels[0]?.encode(count) ?? this.#encodeUnpacked(count)
  }

  /**
   * Lets go of the records that lie within the first `bytes` bytes; of those in `length`.
   *
   * @returns how many records that were, and how many bytes are left over, of the next one.
   */
  release(bytes: number): { records: number; beyond: number } {
    const within = this.#countWithin(bytes)
    this.drop(within.records)
    return within
  }

  /** Lets go of the first `count` records of `length`. */
  drop(count: number): void {
    const [parcel] = this.#parcels
    if (!parcel) {
      this.#dropUnpacked(count)
      return
    }
    this.#packedBytes -= parcel.bytes
    parcel.drop(count)
    this.#packedBytes += parcel.bytes
    if (parcel.length === 0) this.#parcels.shift()
  }

  /** Lets go of all. */
  clear(): void {
    this.#parcels.length = 0
    this.#packedBytes = 0
    this.#dropUnpacked(this.#records.length)
  }

  #countWithin(bytes: number): { records: number; beyond: number } {
    const [parcel] = this.#parcels
    if (parcel) return parcel.countWithin(bytes)
    let records = 0
    let beyond = bytes
    for (const record of this.#records) {
      const length = byteLength(record)
      if (length > beyond) break
      beyond -= length
      records++
    }
    return { records, beyond }
  }

  #encodeUnpacked(count: number): Uint8Array {
    const records = count === this.#records.length ? this.#records : this.#records.slice(0, count)
    if (this.#binary > 0) return Buffer.concat(records.map(toBytes))
    const [first] = records
    const text = records.length === 1 && typeof first === 'string' ? first : records.join('')
    if (text.length * UNIT_MAX_BYTES > PASSAGE_BYTES) return Buffer.from(text)
    passage ??= Buffer.allocUnsafeSlow(PASSAGE_BYTES)
    return passage.subarray(0, passage.write(text))
  }

  #dropUnpacked(count: number): void {
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
