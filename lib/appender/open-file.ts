import { dirname } from 'node:path'
import { LINE_END_BYTES, tornBytes } from '../backup/torn-tail.js'
import { othersWhoMayWrite, trapAt } from '../platform/directory-access.js'
import { sameFile, type Disk, type FileStatus, type Permissions } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { notRegular, reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'

/** How much of a write is in the file, and what stopped it where that is not all. */
export interface Appended {
  readonly bytes: number
  readonly error?: unknown
}

/** Where our file is, as seen at its path: still there, or what somebody else did with it. */
export type Standing = 'ours' | 'renamed' | 'replaced' | 'deleted'

/** Permissions for what has to be made: a file, and directories on the way to it. */
export interface Making {
  readonly file: Permissions
  readonly directoryMode: number
}

/** A file that we have open, to append to: its descriptor, and what we know of it. */
export class OpenFile {
  readonly path: string
  readonly fd: number
  /** What the file was when we opened it. Its device and inode are its identity. */
  readonly status: FileStatus
  /** Bytes of a torn tail that was closed off when the file was opened. */
  readonly tornBytes: number
  /** Directories whose entries opening it changed; they have to be synced for it to last. */
  readonly changedDirectories: readonly string[]
  /** When it was made, in milliseconds. */
  readonly openedAtMs: number
  /** Its size when a sync of it failed: it must never be synced again (see `GroupCommit`). */
  syncFailedAtBytes: number | undefined
  /** Bytes of the first waiting record that a failed write left in the file. */
  pieceBytes = 0
  #bytes: number
  /** A write failed, and how much of it arrived could not be read back yet. */
  #unsure = false
  /** The file ends in a piece of a record; a line end goes before whatever comes next. */
  #torn: boolean
  readonly #platform: Platform

  private constructor(platform: Platform, path: string, fd: number, changed: readonly string[]) {
    const { disk, clock } = platform
    this.#platform = platform
    this.path = path
    this.fd = fd
    this.status = disk.fstat(fd)
    if (!this.status.isFile()) throw notRegular(path)
    if (changed.length === 0) expectNoTrap(disk, path, this.status)
    this.changedDirectories = changed
    this.#bytes = this.status.size
    this.tornBytes = tornBytes(disk, fd, this.#bytes)
    this.#torn = this.tornBytes > 0
    attempt(() => this.closeTornTail()) // where the disk is full, before the first record
    const birth = this.status.birthtimeMs
    const now = clock.now()
    this.openedAtMs = changed.length > 0 || birth <= 0 ? now : Math.min(birth, now)
  }

  /**
   * Opens what is at a path, or makes it, with its missing directories. A torn tail is closed off.
   * When it throws, it has left nothing behind.
   *
   * @throws RollkeeperError `ERR_ROLLKEEPER_PATH` where something else than a regular file stands,
   *   `ERR_ROLLKEEPER_OPEN` for everything that the system refuses.
   */
  static open(platform: Platform, path: string, making: Making): OpenFile {
    const { disk } = platform
    const undo: (() => void)[] = []
    try {
      const there = disk.lstat(path)
      if (there && !there.isFile()) throw notRegular(path)
      const made = there ? [] : disk.makeDirectory(dirname(path), making.directoryMode)
      for (const directory of made) undo.unshift(() => disk.removeDirectory(directory))
      const { fd, created } = openOrCreate(platform, path, making.file)
      undo.unshift(() => disk.close(fd))
      if (created) undo.splice(1, 0, () => disk.unlink(path))
      const changed = created ? [dirname(path), ...made.map(directory => dirname(directory))] : []
      return new OpenFile(platform, path, fd, changed)
    } catch (error) {
      for (const step of undo) attempt(step)
      if (error instanceof RollkeeperError) throw error
      if (systemCode(error) === 'ELOOP') throw notRegular(path)
      const message = `cannot open ${path} (${reasonOf(error)})`
      throw new RollkeeperError('ERR_ROLLKEEPER_OPEN', message, { path, cause: error })
    }
  }

  /** Size, in bytes, as far as we know: our writes, and what a look at the path told. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether a write failed, and what arrived of it could not be read back: see `countArrived`. */
  get isUnsure(): boolean {
    return this.#unsure
  }

  /**
   * Appends what is not in the file yet of these bytes: all beyond `pieceBytes`. A short write is
   * continued. After an error the end of the file is read back, and what is there of our bytes counts
   * as written, whatever the error said. Where that fails too, the file is unsure, and nothing may be
   * done to it before `countArrived`.
   */
  append(bytes: Uint8Array): Appended {
    const { disk } = this.#platform
    const from = this.pieceBytes
    let at = from
    try {
      this.closeTornTail()
      while (at < bytes.length) {
        const taken = disk.write(this.fd, bytes, at, bytes.length - at)
        if (taken === 0) throw new Error('the write took nothing')
        at += taken
        this.#bytes += taken
      }
      return { bytes: at - from }
    } catch (error) {
      this.#unsure = true
      attempt(() => (at += this.countArrived(bytes, at)))
      return { bytes: at - from, error }
    }
  }

  /** Looks at the path: is our file still there? Also learns its size, which others may change. */
  look(): Standing {
    const { disk } = this.#platform
    const there = disk.lstat(this.path)
    if (there && sameFile(there, this.status)) {
      if (!this.#unsure) this.#bytes = there.size
      return 'ours'
    }
    if (this.lives()) return there ? 'replaced' : 'renamed'
    return there ? 'replaced' : 'deleted'
  }

  /** Whether our file still has a name somewhere, so that what is written to it can be found. */
  lives(): boolean {
    return this.#platform.disk.fstat(this.fd).nlink > 0
  }

  /** Gives up the piece of a record at the end, if any: the record will be written again, whole. */
  abandonPiece(): void {
    if (this.pieceBytes === 0) return
    this.pieceBytes = 0
    const { disk } = this.#platform
    this.#torn = true // also where it cannot be read: an empty line harms less than a glued one
    attempt(() => {
      this.#torn = tornBytes(disk, this.fd, disk.fstat(this.fd).size) > 0
      this.closeTornTail()
    })
  }

  /**
   * Puts a line end behind a piece of a record, if the file ends in one.
   *
   * @throws what writing throws.
   */
  closeTornTail(): void {
    if (!this.#torn) return
    this.#bytes += this.#platform.disk.write(this.fd, LINE_END_BYTES, 0, 1)
    this.#torn = false
  }

  close(): void {
    this.#platform.disk.close(this.fd)
  }

  /**
   * Counts how many of the bytes that a failed `append` was given came into the file after all.
   *
   * @param from where it had come to.
   * @throws what reading throws.
   */
  countArrived(bytes: Uint8Array, from = this.pieceBytes): number {
    const { disk } = this.#platform
    const beyond = Math.min(disk.fstat(this.fd).size - this.#bytes, bytes.length - from)
    const found = new Uint8Array(Math.max(0, beyond))
    for (let came = 0; came < beyond;) {
      const more = disk.read(this.fd, found.subarray(came), this.#bytes + came)
      if (more === 0) throw new Error('the end of the file is not there')
      came += more
    }
    let arrived = 0
    while (arrived < found.length && found[arrived] === bytes[from + arrived]) arrived++
    this.#bytes += arrived
    this.#unsure = false
    return arrived
  }
}

function openOrCreate(
  { disk }: Platform,
  path: string,
  permissions: Permissions,
): { fd: number; created: boolean } {
  try {
    return { fd: disk.create(path, permissions), created: true }
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    return { fd: disk.openExisting(path), created: false }
  }
}

/** A file that was there, and that somebody may have put there to have our records. */
function expectNoTrap(disk: Disk, path: string, file: FileStatus): void {
  const directory = disk.stat(dirname(path))
  if (othersWhoMayWrite(directory) === undefined) return
  // Where it is and how many names it has, at one moment: a second name may have gone since.
  const there = disk.lstat(path)
  if (!there || !sameFile(there, file)) throw new Error('somebody replaced it in this moment')
  const trap = trapAt(there, directory)
  if (trap === undefined) return
  const message = `${path} ${trap}: records are not written into it`
  throw new RollkeeperError('ERR_ROLLKEEPER_PATH', message, { path })
}

/** Runs a step whose failure changes nothing: it comes again, or a better error is on its way. */
function attempt(step: () => void): void {
  try {
    step()
  } catch {
    // At most, an empty file or directory stays, or a torn tail is closed by the next append.
  }
}
