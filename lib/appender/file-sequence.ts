import type { Backup } from '../backup/backup.js'
import { BackupTimes } from '../backup/backup-times.js'
import type { Cancel } from '../platform/clock.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import { recover, rotate, type RecoveredRotation, type Recovery } from '../rotation/rotation.js'
import { FileLimits, type LimitOptions } from './file-limits.js'
import { OpenFile, type Making } from './open-file.js'
import type { WriteQueue } from './write-queue.js'

/** Why the active file was opened anew: what somebody did to it, or a call of `reopen`. */
export type ReopenReason = 'renamed' | 'replaced' | 'deleted' | 'requested'

/** What the sequence of files tells its owner; of files, when the next one is open. */
export interface SequenceOwner {
  rotated(backup: Backup, old: OpenFile): void
  reopened(why: ReopenReason, old: OpenFile): void
  recovered(recovery: Recovery): void
  /** A limit in time has come. */
  due(): void
  /** A batch, or what a full disk took of it, came into the active file. */
  written?: (() => void) | undefined
  warn(error: RollkeeperError): void
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
  readonly #platform: Platform
  readonly #options: SequenceOptions
  readonly #owner: SequenceOwner
  readonly #limits: FileLimits
  #file: OpenFile
  /** Bytes of the first waiting record that a failed write left in the active file. */
  #pieceBytes = 0
  /** The file of the last rotation of ours. */
  #previous: FileStatus | undefined
  /** When the backups were closed; no rotation before that is known. */
  readonly #times: BackupTimes
  /** Whether a rotation that a crash interrupted waits for the directory to be read. */
  #recovery: RecoveredRotation['end'] = 'done'
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
    this.#times = new BackupTimes(platform.disk, options.path)
    const { finished, tornBytes, file } = this.#recover()
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

  /** Learns from a listing, newest first: a rotation never takes a name that sorts before them. */
  learn(backups: readonly Backup[]): void {
    const isNew = this.#times.learn(backups)
    this.#recoverLate()
    if (isNew) this.#owner.due() // perhaps it was, all the while
  }

  /**
   * Whether a file can be rotated: not before the times of the backups are known. Reads on, if they
   * are not; only very large directories take more than one call.
   *
   * @throws what reading the directory throws.
   */
  canRotate(): boolean {
    if (!this.#times.look()) return false
    this.#recoverLate()
    return true
  }

  /**
   * Writes the waiting records, rotating on the way. What was written leaves the queue.
   *
   * @returns undefined when all are written, else why the rest could not be.
   */
  write(queue: WriteQueue): unknown {
    while (queue.length > 0) {
      const blocked = this.#prepare()
      if (blocked !== undefined) return blocked
      const count = this.#countForFile(queue)
      if (count === 0) continue
      const bytes = queue.encode(count)
      const appended = this.#file.append(bytes, this.#pieceBytes)
      this.#bytes += appended.bytes
      this.#owner.written?.()
      if (appended.error !== undefined) {
        const { records, beyond } = queue.release(this.#pieceBytes + appended.bytes)
        this.#records += records
        this.#pieceBytes = beyond
        if (queue.length > 0) return appended.error
        continue // all had arrived, whatever the error said
      }
      this.#pieceBytes = 0
      this.#records += count
      if (count === 1 && bytes.length > this.#limits.bytes) this.#oversized++
      queue.drop(count)
    }
    return undefined
  }

  /**
   * Rotates now.
   *
   * @param reason in the words of the caller, for the error.
   * @returns the backup, or undefined where the file is empty: there is nothing to keep.
   * @throws RollkeeperError `ERR_ROLLKEEPER_ROTATE`; records then go on into the same file.
   */
  rotate(reason: string): Backup | undefined {
    if (!this.#unfinished) this.#followPath()
    return this.#rotate(reason)
  }

  /**
   * As `rotate`, but a refusal is a warning, and the next try is a second later. While a very large
   * directory is still being read nothing is rotated: the file goes on, until the next batch.
   */
  tryRotate(reason: string): boolean {
    try {
      if (!this.#unfinished && !this.canRotate()) return false
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
    this.#times.stop()
    this.#pause?.()
  }

  #rotate(reason: string): Backup | undefined {
    if (this.#unfinished) return this.#enterNext(this.#unfinished)
    const old = this.#file
    if (old.bytes === 0) return undefined
    const { disk, clock } = this.#platform
    const { path } = this.#options
    try {
      if (this.#pieceBytes > 0) throw new Error('a record is half written')
      while (!this.canRotate()); // only who calls `rotate` itself has not asked before
    } catch (cause) {
      throw this.#refused(reason, cause)
    }
    const backup = rotate(disk, {
      path,
      open: old.status,
      now: clock.now(),
      times: this.#times,
      previous: this.#previous,
    })
    this.#previous = old.status
    return this.#enterNext(backup)
  }

  /** Makes sure that there is a right file to write to; returns why not, if there is none. */
  #prepare(): unknown {
    if (this.#unfinished) {
      if (!this.#pause) this.tryRotate('a rotation that could not end')
      return undefined
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
        if (this.#pieceBytes > 0 && this.#file.bytes !== bytes) this.#abandonPiece()
        return undefined
      }
      this.reopen(standing)
      this.#lastWarning = undefined
    } catch (error) {
      // A file that somebody renamed is still theirs to find; what goes to a deleted one is lost.
      if (!this.#file.lives()) return error
      this.#warnOnce(error)
    }
    return undefined
  }

  /** How many records go into the active file. 0: ask again, there is a new file. */
  #countForFile(queue: WriteQueue): number {
    const limit = this.#limits.bytes
    if (limit === Infinity || this.#pause) return queue.length
    const count = queue.countFitting(limit - this.#file.bytes + this.#pieceBytes)
    if (count > 0) return count
    if (this.#pieceBytes > 0) return 1
    if (this.#file.bytes > 0) return this.tryRotate('size') ? 0 : queue.length
    return 1 // longer than a whole file may be: kept alone
  }

  /** Step 4 of a rotation. Until it succeeds, the old file takes the records. */
  #enterNext(backup: Backup): Backup {
    const old = this.#file
    this.#unfinished = backup
    let next: OpenFile
    try {
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
    if (this.#pieceBytes > 0) this.#abandonPiece()
    this.#pause?.()
    this.#pause = undefined
    this.#file = next
    this.#begin(next.openedAtMs)
  }

  #abandonPiece(): void {
    this.#file.abandonPiece()
    this.#pieceBytes = 0
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
    return this.#likeFile(this.#platform.disk.fstat(this.#file.fd))
  }

  #likeFile({ mode, uid, gid }: FileStatus): Making {
    return { ...this.#options.making, file: { mode: mode & 0o7777, uid, gid } }
  }

  #recover(): RecoveredRotation {
    const { disk, clock } = this.#platform
    const { path } = this.#options
    try {
      this.#recovery = 'done' // also where it fails: the next rotation will do it
      const recovered = recover(disk, path, clock.now(), this.#times)
      this.#recovery = recovered.end
      return recovered
    } catch (cause) {
      const message = `cannot finish the rotation that was interrupted at ${path} (${reasonOf(cause)})`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_ROTATE', message, { path, cause }))
      return { finished: 0, tornBytes: 0, file: undefined, end: 'done' }
    }
  }

  /** Finishes what had to wait for the directory to be read. */
  #recoverLate(): void {
    if (this.#recovery === 'done') return
    const { finished, tornBytes } = this.#recover()
    if (finished > 0) this.#owner.recovered({ finished, tornBytes })
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
