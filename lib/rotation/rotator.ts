import { dirname } from 'node:path'
import type { Backup } from '../backup/backup.js'
import { BackupTimes, type KnownFiles } from '../backup/backup-times.js'
import { privatePath } from '../backup/private-name.js'
import { trapAt } from '../platform/directory-access.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import { PrivateNames } from './private-names.js'
import { finishRotations, isHalfRotated, type Recovery } from './recovery.js'
import { rotate, type LogState } from './rotation.js'

/** Whom a rotator tells what it found. */
export interface RotatorOwner {
  /** Rotations were finished that a crash had interrupted. */
  recovered(recovery: Recovery): void
  warn(error: RollkeeperError): void
}

/** What `recover` did, and whose mode and owner the next file is to have. */
export interface RecoveredLog extends Recovery {
  readonly file: FileStatus | undefined
}

const NOTHING: Recovery = { finished: 0, tornBytes: 0 }

/**
 * Rotates the files of one log, one after the other: knows when its backups were closed, which
 * private names are in use, and what a crash has left to do. Synchronous throughout.
 */
export class Rotator {
  readonly #platform: Platform
  readonly #path: string
  readonly #owner: RotatorOwner
  readonly #names: PrivateNames
  readonly #times: BackupTimes
  /** Told once, until all is finished. */
  #lastWarning: string | undefined

  /** @param path the active file. */
  constructor(platform: Platform, path: string, owner: RotatorOwner) {
    this.#platform = platform
    this.#path = path
    this.#owner = owner
    this.#names = new PrivateNames(platform.disk, path)
    this.#times = new BackupTimes(platform.disk, path, number => this.#names.leave(number))
  }

  /**
   * Finishes what a crash left, before the active file is opened. Reads the directory only where
   * there is something to finish, and no more of it than nobody feels: the rest is done when it is
   * read. A failure is a warning; the next rotation tries again.
   */
  recover(): RecoveredLog {
    let file: FileStatus | undefined
    try {
      const { disk } = this.#platform
      const left = disk.lstat(privatePath(this.#path))
      const active = disk.lstat(this.#path)
      if (left?.isFile()) {
        if (trapAt(left, disk.stat(dirname(this.#path))) === undefined) file = left
        this.#names.leave(1)
      }
      if (active?.isFile() && active.nlink > 1 && this.#setAside()) file = active
      const isDone = this.#names.leftovers.length > 0 && this.#times.look()
      return { ...(isDone ? this.#finish() : NOTHING), file }
    } catch (cause) {
      this.#warn(cause)
      return { ...NOTHING, file }
    }
  }

  /** Learns from a listing. Returns whether the times of the backups were not known before. */
  learn(files: KnownFiles): boolean {
    const isNew = this.#times.learn(files)
    try {
      this.#finishLate()
    } catch (cause) {
      this.#warn(cause)
    }
    return isNew
  }

  /**
   * Whether a file can be rotated: not before the times of the backups are known, and all rotations
   * before it are finished. Reads on, if they are not; only very large directories take more than
   * one call.
   *
   * @throws what the file system throws.
   */
  isReady(): boolean {
    if (!this.#times.look()) return false
    this.#finishLate()
    return true
  }

  /**
   * The active file becomes a backup. Ready or not: it reads all that there is to read.
   *
   * @param open what our descriptor is open on.
   * @throws RollkeeperError `ERR_ROLLKEEPER_ROTATE`; what the file system throws. The file stays.
   */
  rotate(open: FileStatus): Backup {
    while (!this.isReady()); // only who calls `FileAppender.rotate` has not asked before
    return rotate(this.#platform.disk, { ...this.#state(), open })
  }

  /** Whether the rotation of a file has not ended yet: it still has a private name. */
  isUnderWay(file: FileStatus): boolean {
    return this.#names.has(file)
  }

  /**
   * The last step of rotations, see `PrivateNames.release`.
   *
   * @param file as it was handed to `rotate`.
   */
  release(file: FileStatus): void {
    this.#names.release(file)
  }

  /** Leaves the directory, if it is being read. */
  stop(): void {
    this.#times.stop()
  }

  #state(): LogState {
    const now = this.#platform.clock.now()
    return { path: this.#path, now, times: this.#times, names: this.#names }
  }

  /** Takes an active file that is a backup already from its place. */
  #setAside(): boolean {
    while (!this.#times.look()); // before anything is appended to it
    const { disk } = this.#platform
    if (!isHalfRotated(disk, this.#state())) return false
    const number = this.#names.next()
    disk.rename(this.#path, privatePath(this.#path, number))
    this.#names.leave(number)
    return true
  }

  #finish(): Recovery {
    return finishRotations(this.#platform.disk, this.#state())
  }

  #finishLate(): void {
    if (this.#names.leftovers.length === 0) return
    const recovery = this.#finish()
    this.#lastWarning = undefined
    if (recovery.finished > 0) this.#owner.recovered(recovery)
  }

  #warn(cause: unknown): void {
    const path = this.#path
    const message = `cannot finish the rotation that was interrupted at ${path} (${reasonOf(cause)})`
    if (message === this.#lastWarning) return
    this.#lastWarning = message
    this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_ROTATE', message, { path, cause }))
  }
}
