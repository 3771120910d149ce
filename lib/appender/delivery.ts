import type { Platform } from '../platform/platform.js'
import {
  reasonOf,
  RollkeeperError,
  type RollkeeperErrorCode,
} from '../platform/rollkeeper-error.js'
import { Deferred } from './deferred.js'
import type { FileSequence } from './file-sequence.js'
import { formatGapBy, Losses, type Gap, type GapRecord } from './gap.js'
import type { GroupCommit } from './group-commit.js'
import { Retry } from './retry.js'
import { WriteFailure } from './write-failure.js'
import { byteLength, checkRecord, WriteQueue, type AuditRecord } from './write-queue.js'

/** What becomes of records past `maxPending`. */
export type OnFull = 'wait' | 'drop' | 'throw'

/** From this share of `maxPending` on, `write` answers false. */
const HIGH_WATER = 1 / 16

/** Once records are lost, all are until no more than this share waits: one long gap, not many. */
const LOW_WATER = 1 / 2

/**
 * Writes in one turn of the event loop, when each but the first is of records that come in answer
 * to the acknowledgement of the one before. They are one batch: who awaits record by record need
 * not go round the loop for each of them. The bound gives others their turn.
 */
const WRITES_PER_TURN = 32

/** The part of the options that decides how records are handed over, or not. */
export interface DeliveryOptions {
  readonly path: string
  readonly batchBytes: number
  /** Bytes that may wait while writing is impossible. */
  readonly maxPending: number
  readonly onFull: OnFull
  /** How a gap is written; undefined for the usual way. */
  readonly gapRecord: GapRecord | undefined
}

/** What a delivery works on, and whom it tells. */
export interface DeliveryParts {
  readonly platform: Platform
  readonly sequence: FileSequence
  readonly options: DeliveryOptions
  /** Makes what is written durable before it is acknowledged; undefined where that is not asked. */
  readonly commit: Pick<GroupCommit, 'settleWhenSynced'> | undefined
  drained(): void
  lost(gap: Gap): void
  /**
   * There is no room on the disk: told when that begins, and each half minute that it lasts. Who
   * makes room calls `tryAgain`, in a later turn.
   */
  full(): void
  warn(error: RollkeeperError): void
}

/**
 * The way of a record from its caller into a file, and of the acknowledgement back.
 *
 * The records of one turn of the event loop are a batch: they are written together, and their
 * callers share one promise. While writing is impossible the delivery is *stalled*: records wait in
 * memory, up to a bound, and a timer tries again. What happens past the bound is the caller's choice
 * (`OnFull`). Records that are dropped are counted, and a line in their place tells of them.
 */
export class Delivery {
  readonly #parts: DeliveryParts
  readonly #queue = new WriteQueue()
  /**
   * `ending`: nothing is taken any more, but what waits may still be written. `left`: the process is
   * ending, and its last write has failed, so nothing more can be kept.
   */
  #status: 'open' | 'stalled' | 'ending' | 'left' | 'ended' = 'open'
  /** A batch is written at once when so much waits. */
  #batchUnits: number
  /** A write at the end of this turn is arranged for. */
  #scheduled = false
  #writes = 0
  /** Settled when all records that wait now are kept; made for the first who asks. */
  #batch: Deferred | undefined
  /** Some of the records of the batch are in a file already; the others could not be written. */
  #batchBegun = false
  readonly #retry: Retry
  #drainOwed = false
  readonly #losses = new Losses()
  /** Records lost before writing became impossible. */
  #lostBefore = 0
  /** What made writing impossible last. */
  #failure: WriteFailure

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    this.#batchUnits = parts.options.batchBytes
    this.#failure = new WriteFailure(parts.options.path, undefined)
    this.#retry = new Retry(parts.platform.clock, {
      tryAgain: () => this.handOver(),
      askForRoom: () => parts.full(),
    })
  }

  /** Records lost so far. */
  get dropped(): number {
    return this.#losses.records
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
    if (this.#status !== 'open') return this.#appendStalled(record)
    let waiting: number
    try {
      waiting = this.#queue.add(record)
    } catch (error) {
      return Promise.reject(error)
    }
    const { promise } = (this.#batch ??= new Deferred())
    this.#arrange(waiting)
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
    const error = this.#writeWaiting()
    if (error !== undefined) return this.#stall(error)
    return this.#mayResume() ? this.#resume() : undefined
  }

  /** Writing may have become possible: tries it at once. Does nothing unless it was impossible. */
  tryAgain(): void {
    if (this.#mayResume()) this.handOver()
  }

  /** Writes all that waits; returns why that is impossible, if it is. From now on nothing is taken. */
  stopTaking(): RollkeeperError | undefined {
    const failure = this.handOver()
    this.#status = 'ending'
    return failure
  }

  /** Writes all that waits, or counts it as lost and says why. */
  end(): RollkeeperError | undefined {
    const failure = this.handOver()
    this.#status = 'ended'
    this.#retry.stop()
    return failure && this.#giveUp()
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
    const waiting = this.#countWaiting()
    const { records, bytes } = this.#losses.gap ?? { records: 0, bytes: 0 }
    const gap = {
      records: records + waiting.records,
      bytes: bytes + waiting.bytes,
      why: this.#failure.why,
    }
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
    const { path } = this.#parts.options
    return new RollkeeperError('ERR_ROLLKEEPER_CLOSED', `the log ${path} is closed`, { path })
  }

  /** Counts what waits as lost, and tells of it. */
  #giveUp(): RollkeeperError {
    const waiting = this.#countWaiting()
    if (waiting.records > 0) this.#lose(waiting.records, waiting.bytes)
    this.#queue.clear()
    const { gap } = this.#losses
    if (gap) this.#parts.lost(gap)
    const failure = this.#failure.final(gap?.records ?? 0, gap?.bytes ?? 0)
    this.#batch?.reject(failure)
    return failure
  }

  #countWaiting(): { records: number; bytes: number } {
    const lines = this.#losses.linesAfter(this.#parts.sequence.records)
    return {
      records: this.#queue.countRecords() - lines.records,
      bytes: this.#queue.countBytes() - lines.bytes,
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

  #writeWaiting(): unknown {
    if (this.#queue.length === 0) return undefined
    const { sequence } = this.#parts
    const { bytes } = sequence
    const error = sequence.write(this.#queue)
    this.#batchBegun ||= sequence.bytes > bytes
    if (error === undefined) this.#acknowledge()
    return error
  }

  #acknowledge(): void {
    const batch = this.#batch
    this.#batchBegun = false
    this.#losses.forgetLines()
    if (!batch) return
    this.#batch = undefined
    if (this.#parts.commit) this.#parts.commit.settleWhenSynced(batch)
    else batch.resolve()
  }

  #writeStalled(record: AuditRecord): boolean {
    if (this.#takesNothing()) throw this.closedError()
    checkRecord(record)
    const { maxPending, onFull } = this.#parts.options
    if (this.#hasRoomFor(record)) {
      this.#endGap()
      this.#keep(record)
      const isHigh = this.#queue.countBytes() >= maxPending * HIGH_WATER
      this.#drainOwed ||= isHigh
      return !isHigh
    }
    this.#drainOwed = true
    if (onFull === 'throw') throw this.#refusal('ERR_ROLLKEEPER_FULL', 'the record is not taken')
    this.#drop(record)
    return false
  }

  #appendStalled(record: AuditRecord): Promise<void> {
    if (this.#takesNothing()) return Promise.reject(this.closedError())
    try {
      checkRecord(record)
    } catch (error) {
      return Promise.reject(error)
    }
    const { onFull } = this.#parts.options
    const hasRoom = this.#hasRoomFor(record)
    if (onFull === 'wait' || hasRoom) {
      if (hasRoom) this.#endGap() // else each append in the midst of losses would end one
      const { promise } = (this.#batch ??= new Deferred())
      this.#keep(record)
      return promise
    }
    const refused = new Deferred()
    if (onFull === 'drop') {
      this.#drop(record)
      refused.reject(this.#refusal('ERR_ROLLKEEPER_DROPPED', 'the record is dropped'))
    } else {
      refused.reject(this.#refusal('ERR_ROLLKEEPER_FULL', 'the record is not taken'))
    }
    return refused.promise
  }

  #refusal(code: RollkeeperErrorCode, fate: string): RollkeeperError {
    return this.#failure.refused(code, fate, this.#parts.options.maxPending)
  }

  #mayResume(): boolean {
    return this.#status === 'stalled' || this.#status === 'ending'
  }

  #takesNothing(): boolean {
    return this.#status === 'ending' || this.#status === 'ended'
  }

  #hasRoomFor(record: AuditRecord): boolean {
    if (this.#status === 'left') return false
    const { maxPending } = this.#parts.options
    const bytes = this.#queue.countBytes() + byteLength(record)
    return bytes <= (this.#losses.gap ? maxPending * LOW_WATER : maxPending)
  }

  #keep(record: AuditRecord): void {
    this.#queue.addPacked(record)
    if (this.#status === 'open') this.handOver() // `gapRecord` made us write, and that went well
  }

  #drop(record: AuditRecord): void {
    if (this.#losses.records === this.#lostBefore) {
      this.#parts.warn(this.#refusal('ERR_ROLLKEEPER_DROPPED', 'records are dropped'))
    }
    this.#lose(1, byteLength(record))
  }

  #lose(records: number, bytes: number): void {
    this.#losses.add(records, bytes, this.#failure.why)
  }

  /** Puts a line that tells of the gap, if there is one, behind the records kept before it. */
  #endGap(): void {
    const { gap } = this.#losses
    if (!gap) return
    const { platform, sequence, options } = this.#parts
    const { gapRecord, path } = options
    this.#losses.endGap()
    const line = formatGapBy(gapRecord, gap, platform.clock.now(), cause => {
      const message = `the option gapRecord failed (${reasonOf(cause)}); the gap is told of as usual`
      this.#parts.warn(new RollkeeperError('ERR_ROLLKEEPER_POLICY', message, { path, cause }))
    })
    this.#losses.noteLine(sequence.records + this.#queue.countRecords(), line)
    this.#queue.addPacked(line)
    this.#parts.lost(gap)
  }

  #stall(cause: unknown): RollkeeperError {
    const { options } = this.#parts
    this.#failure = new WriteFailure(options.path, cause)
    const error = this.#failure.stalled()
    if (this.#status === 'open') {
      this.#status = 'stalled'
      this.#lostBefore = this.#losses.records
      this.#queue.pack()
      this.#parts.warn(error)
    }
    this.#retry.arrange()
    if (this.#failure.isFull) this.#retry.ask()
    return error
  }

  #resume(): RollkeeperError | undefined {
    this.#endGap()
    const error = this.#writeWaiting()
    if (error !== undefined) return this.#stall(error)
    if (this.#status === 'stalled') this.#status = 'open'
    this.#retry.stop()
    if (this.#drainOwed) this.#parts.drained()
    this.#drainOwed = false
    return undefined
  }
}
