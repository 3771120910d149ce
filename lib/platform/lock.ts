import { dirname } from 'node:path'
import type { Permissions } from './disk.js'
import { LockFile, type HeldLock } from './lock-file.js'
import type { Platform } from './platform.js'
import { notRegular, reasonOf, RollkeeperError } from './rollkeeper-error.js'

/** Permissions for what has to be made: the lock's file, and directories on the way to it. */
export interface LockMaking {
  readonly file: Permissions
  readonly directoryMode: number
}

/** The owner has to read and write the file, whatever the log's mode is. */
const OWNER_BITS = 0o600
/** Group and others may write the log; who may only read it must not be able to lock it. */
const WRITE_BITS = 0o022

/** Keeps a log for one opener: no other one, in this or another process, gets it meanwhile. */
export class PathLock {
  /** The active file. */
  readonly path: string
  /** Directories whose entries making it changed; they have to be synced for the log to last. */
  readonly changedDirectories: readonly string[]
  readonly #platform: Platform
  readonly #file: LockFile
  readonly #warn: (error: RollkeeperError) => void
  readonly #made: readonly string[]
  #held: HeldLock | undefined
  #lastWarning: string | undefined

  private constructor(
    platform: Platform,
    path: string,
    making: LockMaking,
    warn: (error: RollkeeperError) => void,
  ) {
    const { disk } = platform
    this.#platform = platform
    this.path = path
    this.#warn = warn
    const there = disk.lstat(path)
    if (there && !there.isFile()) throw notRegular(path)
    const { mode, uid, gid } = there ?? making.file
    const owner = uid === undefined || gid === undefined ? {} : { uid, gid }
    const shared = mode & WRITE_BITS
    const permissions = { mode: OWNER_BITS | shared | (shared << 1), ...owner }
    this.#file = new LockFile(platform, path, permissions, cause => this.#warnOnce(cause))
    this.#made = there ? [] : disk.makeDirectory(dirname(path), making.directoryMode)
    this.changedDirectories = this.#made.map(directory => dirname(directory))
    try {
      this.#held = this.#file.take()
    } catch (error) {
      this.#removeDirectories()
      throw error
    }
  }

  /**
   * Takes the lock of a log, and makes missing directories. When it throws, it has left nothing.
   *
   * @param path the active file, which need not exist; who may write it may write the lock's file.
   * @param warn hears of a lock that cannot be held as it should.
   * @throws RollkeeperError `ERR_ROLLKEEPER_LOCKED` where somebody else has it,
   *   `ERR_ROLLKEEPER_PATH` where something else than a file of a lock, or of a log, stands in its
   *   place, `ERR_ROLLKEEPER_OPEN` for everything that the system refuses.
   */
  static take(
    platform: Platform,
    path: string,
    making: LockMaking,
    warn: (error: RollkeeperError) => void,
  ): PathLock {
    try {
      return new PathLock(platform, path, making, warn)
    } catch (error) {
      if (error instanceof RollkeeperError) throw error
      const message = `cannot open ${path} (${reasonOf(error)})`
      throw new RollkeeperError('ERR_ROLLKEEPER_OPEN', message, { path, cause: error })
    }
  }

  /** Does what opens the log. Where that throws, the lock is as if it had never been taken. */
  guard<Opened>(open: () => Opened): Opened {
    try {
      return open()
    } catch (error) {
      this.release()
      this.#removeDirectories()
      throw error
    }
  }

  /**
   * Takes the lock anew where somebody deleted its file, or the directory with it. What stands
   * against that is a warning, once: the log goes on.
   */
  renew(): void {
    try {
      const before = this.#held
      if (before && this.#file.isHeld(before)) return
      this.#held = this.#file.take()
      if (before) this.#file.drop(before)
      this.#lastWarning = undefined
    } catch (cause) {
      this.#warnOnce(cause)
    }
  }

  /** Gives it back, and leaves no file. Once is enough; it never throws. */
  release(): void {
    const held = this.#held
    this.#held = undefined
    if (held) this.#file.drop(held)
  }

  #removeDirectories(): void {
    for (const directory of this.#made.toReversed()) {
      try {
        this.#platform.disk.removeDirectory(directory)
      } catch {
        // An empty directory stays, and a better error is on its way.
      }
    }
  }

  #warnOnce(cause: unknown): void {
    const { path } = this
    const message = `cannot lock ${path} (${reasonOf(cause)}); records go on into it, and nothing keeps others from it`
    if (message === this.#lastWarning) return
    this.#lastWarning = message
    this.#warn(new RollkeeperError('ERR_ROLLKEEPER_LOCKED', message, { path, cause }))
  }
}
