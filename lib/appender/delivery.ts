import type { Cancel } from '../platform/clock.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import { Deferred } from './deferred.js'
import type { FileSequence } from './file-sequence.js'
import { formatGap, type Gap } from './gap.js'
import type { GroupCommit } from './group-commit.js'
import { byteLength, checkRecord, WriteQueue, type AuditRecord } from './write-queue.js'

/** Bytes that may wait while writing is impossible, counted as `WriteQueue` counts units. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024

/** From this share of it on, `write` answers false. */
const HIGH_WATER_BYTES = MAX_PENDING_BYTES / 16

/** Writing that has become impossible is tried again after this long, in milliseconds. */
const WRITE_AGAIN_MS = 250

/** How file systems say that there is no room. */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

/**
 * Writes in one turn of the event loop, when each but the first is of records that come in answer
 * to the acknowledgement of the one before. They are one batch: who awaits record by record need
 * not go round the loop for each of them. The bound gives others their turn.
 */
const WRITES_PER_TURN = 8

/** What a delivery works on, and whom it tells. */
export interface DeliveryParts {
  readonly platform: Platform
  readonly sequence: FileSequence
  readonly path: string
  readonly batchBytes: number
  /** Makes what is written durable before it is acknowledged; undefined where that is not asked. */
  readonly commit: Pick<GroupCommit, 'settleWhenSynced'> | undefined
  drained(): void
  lost(gap: Gap): void
  warn(error: RollkeeperError): void
}

/**
 * The way of a record from its caller into a file, and of the acknowledgement back.
 *
 * The records of one turn of the event loop are a batch: they are written together, and their
 * callers share one promise. While writing is impossible the delivery is *stalled*: records wait in
 * memory, up to a bound, and a timer tries again. Past the bound records that nobody waits for are
 * dropped and counted, and the log tells of them itself once it can be written again.
 */
export class Delivery {
  readonly #parts: DeliveryParts
  readonly #queue = new WriteQueue()
  /** `left`: the process is ending, and its last write has failed, so nothing more can be kept. */
  #status: 'open' | 'stalled' | 'left' | 'ended' = 'open'
  /** A batch is written at once when so much waits. */
  #batchUnits: number
  /** A write at the end of this turn is arranged for. */
  #scheduled = false
  #writes = 0
  /** Settled when all records that wait now are kept; made for the first who asks. */
  #batch: Deferred | undefined
  /** Some of the records of the batch are in a file already; the others could not be written. */
  #batchBegun = false
  #retry: Cancel | undefined
  #drainOwed = false
  #gap: Gap | undefined
  /** The line that tells of the last gap, while it waits itself: no record of anybody's. */
  #gapLine = ''
  /** What made writing impossible last. */
  #why = ''
  #dropped = 0

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    this.#batchUnits = parts.batchBytes
  }

  /** Records lost so far. */
  get dropped(): number {
    return this.#dropped
  }

  /** Bytes that wait, counted. */
  get pendingBytes(): number {
    return this.#queue.countBytes()
  }

  /** See `FileAppender.write`. */
  write(record: AuditRecord): boolean {
    if (this.#status !== 'open') return this.#writeStalled(record)
    this.#arrange(this.#queue.add(record))
    return true
  }

  /** See `FileAppender.append`. */
  append(record: AuditRecord): Promise<void> {
    if (this.#status === 'ended') return Promise.reject(this.closedError())
    let waiting: number
    try {
      waiting = this.#queue.add(record)
    } catch (error) {
      return Promise.reject(error)
    }
    const { promise } = (this.#batch ??= new Deferred())
    if (this.#status === 'open') this.#arrange(waiting)
    return promise
  }

  /** Resolved: all records taken before the call are handed to the operating system. */
  flush(): Promise<void> {
    if (this.#status === 'open') this.handOver()
    if (this.#queue.length === 0) return Promise.resolve()
    return (this.#batch ??= new Deferred()).promise
  }

  /** Writes all that waits, now; returns why that is impossible, if it is. */
  handOver(): RollkeeperError | undefined {
    if (this.#queue.length > 0) {
      const { sequence } = this.#parts
      const { bytes } = sequence
      const error = sequence.write(this.#queue)
      this.#batchBegun ||= sequence.bytes > bytes
      if (error !== undefined) return this.#stall(error)
      this.#acknowledge()
    }
    return this.#status === 'stalled' ? this.#resume() : undefined
  }

  /** Writes all that waits, or counts it as lost and says why. From now on nothing is taken. */
  end(): RollkeeperError | undefined {
    const failure = this.handOver()
    this.#status = 'ended'
    this.#retry?.()
    if (failure) {
      const waiting = this.#countWaiting()
      if (waiting.records > 0) this.#lose(waiting.records, waiting.bytes)
      this.#queue.drop(this.#queue.length)
      this.#batch?.reject(failure)
    }
    if (this.#gap) this.#parts.lost(this.#gap)
    return failure
  }

  /**
   * Writes all that waits, for the last time that there is an end of a turn: what other exit
   * listeners still write is written at once, or refused where writing is impossible.
   *
   * @returns what is lost, if writing is impossible.
   */
  leave(): Gap | undefined {
    this.#batchUnits = 0
    if (!this.handOver()) return undefined
    this.#status = 'left'
    const { records, bytes } = this.#gap ?? { records: 0, bytes: 0 }
    const waiting = this.#countWaiting()
    const gap = { records: records + waiting.records, bytes: bytes + waiting.bytes, why: this.#why }
    return gap.records > 0 ? gap : undefined
  }

  /** A file could not be synced: a batch that has records in it must not be acknowledged. */
  syncFailed(error: RollkeeperError): void {
    if (!this.#parts.commit || !this.#batchBegun) return
    this.#batch?.reject(error)
    this.#batch = undefined
  }

  /** What every call gets after the end. */
  closedError(): RollkeeperError {
    const { path } = this.#parts
    return new RollkeeperError('ERR_ROLLKEEPER_CLOSED', `the log ${path} is closed`, { path })
  }

  #countWaiting(): { records: number; bytes: number } {
    return {
      records: this.#queue.length - (this.#gapLine === '' ? 0 : 1),
      bytes: this.#queue.countBytes() - byteLength(this.#gapLine),
    }
  }

  #arrange(waiting: number): void {
    if (waiting >= this.#batchUnits) this.handOver()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#endOfTurn)
    }
  }

  readonly #endOfTurn = (): void => {
    this.#writes = 0
    this.#writeBatch()
  }

  #writeBatch(): void {
    const batch = this.#parts.commit === undefined ? this.#batch : undefined
    // Asked for now, this comes right after all who await the batch have answered.
    batch?.promise.then(this.#takeAnswers, this.#takeAnswers)
    this.#scheduled = batch !== undefined
    if (this.#status === 'open') this.handOver()
  }

  readonly #takeAnswers = (): void => {
    if (this.#queue.length === 0) this.#scheduled = false
    else if (++this.#writes < WRITES_PER_TURN) this.#writeBatch()
    else setImmediate(this.#endOfTurn)
  }

  #acknowledge(): void {
    const batch = this.#batch
    this.#batchBegun = false
    this.#gapLine = ''
    if (!batch) return
    this.#batch = undefined
    if (this.#parts.commit) this.#parts.commit.settleWhenSynced(batch)
    else batch.resolve()
  }

  #writeStalled(record: AuditRecord): boolean {
    if (this.#status === 'ended') throw this.closedError()
    checkRecord(record)
    const units = this.#queue.units + record.length
    // Once a gap has begun `write` adds nothing before its end: the log tells of it in its place.
    const isLosing = this.#status === 'left' || this.#gap !== undefined
    const isHigh = isLosing || units >= HIGH_WATER_BYTES
    this.#drainOwed ||= isHigh
    if (isLosing || units > MAX_PENDING_BYTES) this.#lose(1, byteLength(record))
    else this.#queue.add(record)
    return !isHigh
  }

  #lose(records: number, bytes: number): void {
    const { records: before, bytes: bytesBefore } = this.#gap ?? { records: 0, bytes: 0 }
    this.#gap = { records: before + records, bytes: bytesBefore + bytes, why: this.#why }
    this.#dropped += records
  }

  #stall(cause: unknown): RollkeeperError {
    const { platform, path } = this.#parts
    const code = FULL.has(systemCode(cause)) ? 'ERR_ROLLKEEPER_FULL' : 'ERR_ROLLKEEPER_WRITE'
    const message = `cannot write ${path} (${reasonOf(cause)}); records wait`
    const error = new RollkeeperError(code, message, { path, cause })
    if (this.#status === 'open') this.#parts.warn(error)
    this.#status = 'stalled'
    this.#why = reasonOf(cause)
    this.#retry?.()
    // What waits is not lost by a program that has nothing else to do than to wait for it.
    this.#retry = platform.clock.after(WRITE_AGAIN_MS, () => this.handOver(), 'keeps alive')
    return error
  }

  #resume(): RollkeeperError | undefined {
    const { platform } = this.#parts
    this.#status = 'open'
    this.#retry?.()
    if (this.#drainOwed) this.#parts.drained()
    this.#drainOwed = false
    if (!this.#gap) return undefined
    const gap = this.#gap
    this.#gap = undefined
    this.#parts.lost(gap)
    this.#gapLine = formatGap(gap, platform.clock.now())
    this.#queue.add(this.#gapLine)
    return this.handOver()
  }
}
