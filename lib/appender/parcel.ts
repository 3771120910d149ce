/** About so large a parcel grows; a record that is longer has one of its own. */
const FULL_BYTES = 256 * 1024
const FIRST_BYTES = 4 * 1024

/** A parcel that is less full than this share gives the rest of its memory back. */
const TRIM_BELOW = 0.9

/** Packed records, one after the other in one piece of memory, which grows up to a bound. */
export class Parcel {
  #memory: Buffer
  readonly #lengths: number[]
  /** The first record that was not dropped, and where it begins. */
  #first = 0
  #start = 0
  #end: number

  private constructor(memory: Buffer, lengths: number[], end: number) {
    this.#memory = memory
    this.#lengths = lengths
    this.#end = end
  }

  /** A parcel without records, for a first one of so many bytes. */
  static forRecord(bytes: number): Parcel {
    return new Parcel(Buffer.allocUnsafeSlow(Math.max(bytes, FIRST_BYTES)), [], 0)
  }

  /**
   * A parcel of records that are encoded already.
   *
   * @param lengths of the records, in bytes; together all of the memory.
   */
  static of(memory: Buffer, lengths: number[]): Parcel {
    return new Parcel(memory, lengths, memory.length)
  }

  /** Records in it. */
  get length(): number {
    return this.#lengths.length - this.#first
  }

  /** Bytes of these. */
  get bytes(): number {
    return this.#end - this.#start
  }

  /** Whether there is room, or can be, for so many bytes more. */
  takes(bytes: number): boolean {
    return this.#end + bytes <= FULL_BYTES
  }

  /** Encodes a record, of so many bytes, behind the others. */
  add(record: string | Uint8Array, bytes: number): void {
    const end = this.#end + bytes
    const size = this.#memory.length
    if (end > size) this.#move(Math.max(end, Math.min(2 * size, FULL_BYTES)))
    if (typeof record === 'string') this.#memory.write(record, this.#end)
    else this.#memory.set(record, this.#end)
    this.#lengths.push(bytes)
    this.#end = end
  }

  /** Gives back memory that is not used; nothing will be added. */
  trim(): void {
    if (this.#end < this.#memory.length * TRIM_BELOW) this.#move(this.#end)
  }

  /** How many of the first records lie within so many bytes, and how many bytes are left over. */
  countWithin(bytes: number): { records: number; beyond: number } {
    let records = 0
    let beyond = bytes
    for (let i = this.#first; i < this.#lengths.length; i++) {
      const length = this.#lengths[i]!
      if (length > beyond) break
      beyond -= length
      records++
    }
    return { records, beyond }
  }

  /** The first records, as bytes; valid until something is added. */
  encode(count: number): Uint8Array {
    return this.#memory.subarray(this.#start, this.#start + this.#countBytes(count))
  }

  /** Lets go of the first records. */
  drop(count: number): void {
    this.#start += this.#countBytes(count)
    this.#first += count
  }

  #countBytes(count: number): number {
    if (count === this.length) return this.bytes
    let bytes = 0
    for (let i = this.#first; i < this.#first + count; i++) bytes += this.#lengths[i]!
    return bytes
  }

  #move(size: number): void {
    const memory = Buffer.allocUnsafeSlow(size)
    this.#memory.copy(memory, 0, 0, this.#end)
    this.#memory = memory
  }
}
