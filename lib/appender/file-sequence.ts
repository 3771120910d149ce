import type { Backup } from '../backup/backup.js'
import type { KnownFiles } from '../backup/backup-times.js'
import type { Cancel } from '../platform/clock.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import { Rotator, type RotatorOwner } from '../rotation/rotator.js'
import { FileLimits, type LimitOptions } from './file-limits.js'
import { OpenFile, type Making } from './open-file.js'
import type { WriteQueue } from './write-queue.js'

/** Why the active file was opened anew: what somebody did to it, or a call of `reopen`. */
export type ReopenReason = 'renamed' | 'replaced' | 'deleted' | 'requested'

/** What the sequence of files tells its owner; of files, when the next one is open. */
export interface SequenceOwner extends RotatorOwner {
  rotated(backup: Backup, old: OpenFile): void
  reopened(why: ReopenReason, old: OpenFile): void
  /** A limit in time has come. */
  due(): void
  /** A batch, or what a full disk took of it, came into the active file. */
  written?: (() => void) | undefined
}

/** The part of the options that decides how files follow one another. */
export interface SequenceOptions extends LimitOptions {
  readonly path: string
  readonly follow: boolean
  readonly making: Making
}

/** A rotation that was refused is tried again after this long, in milliseconds. */
const ROTATE_AGAIN_MS = 1000

/**
 * The active file and those that follow it, seen as one stream that records are put into: each
 * record into the file where the limits want it, whatever happens to the files meanwhile.
 * Synchronous throughout.
 */
export class FileSequence {
  /** Knows the rotations before, and those that have not ended. */
  readonly rotator: Rotator
  readonly #platform: Platform
  readonly #options: SequenceOptions
  readonly #owner: SequenceOwner
  readonly #limits: FileLimits
  #file: OpenFile
  /** A rotation whose next file could not be opened yet; the old one is still written. */
  #unfinished: Backup | undefined
  /** The last try to rotate was refused: no limit counts until this is over. */
  #pause: Cancel | undefined
  #records = 0
  #bytes = 0
  #rotations = 0
  #oversized = 0
  #lastWarning: string | undefined

  /**
   * Finishes what a crash left, then opens the active file.
   *
   * @throws RollkeeperError `ERR_ROLLKEEPER_OPEN` or `ERR_ROLLKEEPER_PATH`.
   */
  constructor(platform: Platform, options: SequenceOptions, owner: SequenceOwner) {
    this.#platform = platform
    this.#options = options
    this.#owner = owner
    this.#limits = new FileLimits(platform.clock, options, owner)
    this.rotator = new Rotator(platform, options.path, owner)
    const { finished, tornBytes, file } = this.rotator.recover()
    this.#file = this.#open(file ? this.#likeFile(file) : options.making)
    const allTornBytes = tornBytes + this.#file.tornBytes
    if (finished > 0 || allTornBytes > 0) owner.recovered({ finished, tornBytes: allTornBytes })
    this.#begin(this.#file.openedAtMs)
  }

  /** The file that is being written. */
  get file(): OpenFile {
    return this.#file
  }

  /** Records written so far. */
  get records(): number {
    return this.#records
  }

  /** Bytes of these. */
  get bytes(): number {
    return this.#bytes
  }

  /** Rotations so far. */
  get rotations(): number {
    return this.#rotations
  }

  /** Records so far that were longer than a whole file may be. */
  get oversized(): number {
    return this.#oversized
  }

  /** Learns from a listing: a rotation never takes a name that sorts before a backup's. */
  learn(listing: KnownFiles): void {
    if (this.rotator.learn(listing)) this.#owner.due() // perhaps it was, all the while
  }

  /**
   * Writes the waiting records, rotating on the way. What was written leaves the queue.
   *
   * @returns undefined when all are written, else why the rest could not be.
   */
  write(queue: WriteQueue): unknown {
    while (queue.length > 0) {
      if (this.#file.isUnsure) {
        const unknown = this.#countArrived(queue)
        if (unknown !== undefined) return unknown
        continue
      }
      const blocked = this.#prepare()
      if (blocked !== undefined) return blocked
      const count = this.#countForFile(queue)
      if (count === 0) continue
      const bytes = queue.encode(count)
      const appended = this.#file.append(bytes)
      if (appended.bytes > 0 && this.#wentNowhere()) continue // once more, into one that can be found
      this.#bytes += appended.bytes
      this.#owner.written?.()
      if (appended.error !== undefined) {
        this.#release(queue, appended.bytes)
        if (queue.length > 0) return appended.error
        continue // all had arrived, whatever the error said
      }
      this.#file.pieceBytes = 0
      this.#records += count
      if (count === 1 && bytes.length > this.#limits.bytes) this.#oversized++
      queue.drop(count)
    }
    return undefined
  }

  /** Looks if the active file is still ours, and opens the path anew if it is not. */
  follow(): void {
    if (this.#unfinished || this.#file.isUnsure) return
    const blocked = this.#followPath()
    if (blocked !== undefined) this.#warnOnce(blocked) // nobody writes who would hear of it
  }

  /**
   * Rotates now.
   *
   * @param reason in the words of the caller, for the error.
   * @returns the backup, or undefined where the file is empty: there is nothing to keep.
   * @throws RollkeeperError `ERR_ROLLKEEPER_ROTATE`; records then go on into the same file.
   */
  rotate(reason: string): Backup | undefined {
    this.follow()
    return this.#rotate(reason)
  }

  /**
   * As `rotate`, but a refusal is a warning, and the next try is a second later. While a very large
   * directory is still being read nothing is rotated: the file goes on, until the next batch.
   */
  tryRotate(reason: string): boolean {
    try {
      if (!this.#unfinished && !this.rotator.isReady()) return false
      this.#rotate(reason)
      this.#lastWarning = undefined
      return true
    } catch (cause) {
      this.#warnOnce(cause instanceof RollkeeperError ? cause : this.#refused(reason, cause))
      this.#pause?.()
      this.#pause = this.#platform.clock.after(ROTATE_AGAIN_MS, () => {
        this.#pause = undefined
        this.#owner.due()
      })
      return false
    }
  }

  /**
   * Closes the file if its time has come. Asks the policy again if it is still empty then, and if
   * the clock was set back to before it was opened.
   */
  closeIfDue(): void {
    const { time } = this.#limits
    if (this.#pause || time === 'running') return
    const isAskedAgain = time === 'not begun' || this.#file.bytes === 0
    if (isAskedAgain) this.#begin(this.#platform.clock.now())
    else this.tryRotate('time')
  }

  /**
   * Opens the active path anew, making it where it is missing.
   *
   * @throws RollkeeperError `ERR_ROLLKEEPER_OPEN` or `ERR_ROLLKEEPER_PATH`; the old file stays open.
   */
  reopen(why: ReopenReason): void {
    this.#expectSure()
    if (this.#unfinished) {
      this.#enterNext(this.#unfinished) // opens the path too
      return
    }
    const old = this.#file
    const next = this.#open(this.#inherited())
    this.#take(next)
    this.#owner.reopened(why, old)
    if (next.tornBytes > 0) this.#owner.recovered({ finished: 0, tornBytes: next.tornBytes })
  }

  /** Stops its timers. The file stays open. */
  stop(): void {
    this.#limits.stop()
    this.rotator.stop()
    this.#pause?.()
  }

  #rotate(reason: string): Backup | undefined {
    if (this.#unfinished) return this.#enterNext(this.#unfinished)
    const old = this.#file
    if (old.bytes === 0 && !old.isUnsure) return undefined
    let backup: Backup
    try {
      this.#expectEnded()
      backup = this.rotator.rotate(old.status)
    } catch (cause) {
      throw cause instanceof RollkeeperError ? cause : this.#refused(reason, cause)
    }
    return this.#enterNext(backup)
  }

  /** What a failed write left in the file, as soon as that can be read; returns why it cannot. */
  #countArrived(queue: WriteQueue): unknown {
    try {
      const arrived = this.#file.countArrived(queue.encode(queue.length))
      if (this.#wentNowhere()) return undefined // nothing of it is kept there
      this.#bytes += arrived
      this.#release(queue, arrived)
      return undefined
    } catch (error) {
      return error
    }
  }

  /** Lets go of the records that so many bytes more have made whole. */
  #release(queue: WriteQueue, bytes: number): void {
    const { records, beyond } = queue.release(this.#file.pieceBytes + bytes)
    this.#records += records
    this.#file.pieceBytes = beyond
  }

  /** Throws where the file ends in a piece of a record, and is there to be found like that. */
  #expectEnded(): void {
    if (this.#file.pieceBytes > 0 && this.#lives()) throw new Error('a record is half written')
    this.#expectSure()
    this.#file.closeTornTail()
  }

  /** In another file what may be in this one would be written twice. */
  #expectSure(): void {
    if (!this.#file.isUnsure) return
    const { path } = this.#options
    const message = `${path} stays open: what the last write left in it cannot be read`
    throw new RollkeeperError('ERR_ROLLKEEPER_OPEN', message, { path })
  }

  /** Makes sure that there is a right file to write to; returns why not, if there is none. */
  #prepare(): unknown {
    if (this.#unfinished) {
      if (!this.#pause) this.tryRotate('a rotation that could not end')
      return this.#unfinished && !this.#lives()
        ? this.#refused('a next file', new Error('the last one was deleted'))
        : undefined
    }
    this.closeIfDue()
    return this.#followPath()
  }

  /** Looks if the active file is still ours; returns why nothing can be written, if so. */
  #followPath(): unknown {
    if (!this.#options.follow) return undefined
    try {
      const bytes = this.#file.bytes
      const standing = this.#file.look()
      if (standing === 'ours') {
        if (this.#file.bytes !== bytes) this.#file.abandonPiece()
        return undefined
      }
      this.reopen(standing)
      this.#lastWarning = undefined
    } catch (error) {
      // A file that somebody renamed is still theirs to find; what goes to a deleted one is lost.
      if (!this.#lives()) return error
      this.#warnOnce(error)
    }
    return undefined
  }

  /**
   * Whether the file was deleted before what was just written to it came there. A look before each
   * write leaves a moment for that; nothing of it is acknowledged yet.
   */
  #wentNowhere(): boolean {
    if (!this.#options.follow || this.#unfinished) return false
    try {
      return !this.#file.lives() && this.#file.look() !== 'ours' // deleted where it was mounted from
    } catch {
      return false // it was there a moment ago
    }
  }

  /** Whether our file is known to have a name: where nobody can say, nothing is written. */
  #lives(): boolean {
    try {
      return this.#file.lives()
    } catch {
      return false
    }
  }

  /** How many records go into the active file. 0: ask again, there is a new file. */
  #countForFile(queue: WriteQueue): number {
    const limit = this.#limits.bytes
    if (limit === Infinity || this.#pause) return queue.length
    const count = queue.countFitting(limit - this.#file.bytes + this.#file.pieceBytes)
    if (count > 0) return count
    if (this.#file.pieceBytes > 0) return 1
    if (this.#file.bytes > 0) return this.tryRotate('size') ? 0 : queue.length
    return 1 // longer than a whole file may be: kept alone
  }

  /** Step 4 of a rotation. Until it succeeds, the old file takes the records. */
  #enterNext(backup: Backup): Backup {
    const old = this.#file
    this.#unfinished = backup
    let next: OpenFile
    try {
      this.#expectEnded() // since the rotation began a write may have failed
      next = this.#open(this.#inherited())
    } catch (cause) {
      throw this.#refused('a next file', cause)
    }
    this.#unfinished = undefined
    this.#rotations++
    this.#take(next)
    this.#owner.rotated(backup, old)
    return backup
  }

  #take(next: OpenFile): void {
    this.#file.abandonPiece()
    this.#pause?.()
    this.#pause = undefined
    this.#file = next
    this.#begin(next.openedAtMs)
  }

  #refused(reason: string, cause: unknown): RollkeeperError {
    const { path } = this.#options
    const message = `cannot rotate ${path} for ${reason} (${reasonOf(cause)}); records go on into it`
    return new RollkeeperError('ERR_ROLLKEEPER_ROTATE', message, { path, cause })
  }

  #open(making: Making): OpenFile {
    return OpenFile.open(this.#platform, this.#options.path, making)
  }

  /** What the next file takes over from this one. */
  #inherited(): Making {
    try {
      return this.#likeFile(this.#platform.disk.fstat(this.#file.fd))
    } catch (cause) {
      const { path } = this.#options
      const message = `cannot look at ${path} (${reasonOf(cause)})`
      throw new RollkeeperError('ERR_ROLLKEEPER_OPEN', message, { path, cause })
    }
  }

  #likeFile({ mode, uid, gid }: FileStatus): Making {
    return { ...this.#options.making, file: { mode: mode & 0o7777, uid, gid } }
  }

  /** Asks the policy how long the file that is now active may go on. */
  #begin(openedAtMs: number): void {
    const { path } = this.#options
    this.#limits.begin({ path, openedAt: new Date(openedAtMs), bytes: this.#file.bytes })
  }

  /** Says the same thing once, until it was overcome. */
  #warnOnce(error: unknown): void {
    const { path } = this.#options
    const message = `cannot look at ${path} (${reasonOf(error)})`
    const warning =
      error instanceof RollkeeperError
        ? error
        : new RollkeeperError('ERR_ROLLKEEPER_OPEN', message, { path, cause: error })
    if (warning.message === this.#lastWarning) return
    this.#lastWarning = warning.message
    this.#owner.warn(warning)
  }
}
