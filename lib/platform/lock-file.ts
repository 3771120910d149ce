/**
 * The file of a log's lock: `.audit.log.lock`, locked by `flock(2)`, so that the kernel frees it
 * however its holder ends, and nobody has to judge who is alive. Its text says who holds it. The
 * holder unlinks the file when it is done; a file that is left, by a process that was killed, holds
 * nothing.
 *
 * Where there is no `flock`, the text is the lock. Each who wants it appends a line, by one write,
 * and the first line whose process lives holds; who comes later takes its own line back. All see the
 * lines in one order, so never do two hold, and none has to be trusted to delete another's file.
 */
import { basename, dirname, join } from 'node:path'
import { othersWhoMayWrite } from './directory-access.js'
import { sameFile, type Disk, type FileStatus, type Permissions } from './disk.js'
import {
  formatGone,
  formatHolder,
  isAlive,
  parseHolders,
  thisHolder,
  whyTaken,
  type LockHolder,
} from './lock-holder.js'
import type { Platform } from './platform.js'
import { RollkeeperError, systemCode } from './rollkeeper-error.js'

/** The lock, while it is held. */
export interface HeldLock {
  /** Of its file: that of the lock, or the log's own. */
  readonly path: string
  readonly fd: number
  readonly status: FileStatus
  readonly holder: LockHolder
}

/** How often somebody else may take the file away while it is being locked. */
const TRIES_MAX = 100

/** Past this, the text of those that were killed is cleared away. */
const TEXT_MAX_BYTES = 16_384

/** How many milliseconds the holder of a lock is given to write its name, before we say nobody's. */
const NAME_WAITS_MAX = 50

/** Nobody's lock is as long: it is a file of somebody else. */
const FILE_MAX_BYTES = 65_536

/** How the system says that something else than a file stands there. */
const NO_FILE: ReadonlySet<string | undefined> = new Set(['ELOOP', 'EISDIR', 'ENXIO'])

/** How the system says that no file can be made in a directory. */
const NOT_TO_BE_MADE: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
])

/** Locks by text that this process gave back, also where the disk did not take a word of it. */
const gone = new Set<string>()

/** Where the lock of a log is. */
export function lockPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.lock`)
}

/** The file of a log's lock, and how it is taken and given back. */
export class LockFile {
  /** The active file. */
  readonly #log: string
  readonly #path: string
  readonly #platform: Platform
  readonly #disk: Disk
  readonly #permissions: Permissions
  readonly #warn: (cause: unknown) => void

  /**
   * @param log the active file.
   * @param permissions of the file, where it has to be made.
   * @param warn hears why nothing keeps others from the log, though it is taken.
   */
  constructor(
    platform: Platform,
    log: string,
    permissions: Permissions,
    warn: (cause: unknown) => void,
  ) {
    this.#platform = platform
    this.#disk = platform.disk
    this.#log = log
    this.#path = lockPath(log)
    this.#permissions = permissions
    this.#warn = warn
  }

  /**
   * Takes the lock, without waiting.
   *
   * @throws RollkeeperError `ERR_ROLLKEEPER_LOCKED` where somebody else has it,
   *   `ERR_ROLLKEEPER_PATH` where something else than a file of a lock is in its place; what the file
   *   system throws.
   */
  take(): HeldLock {
    try {
      return this.#takeFile()
    } catch (error) {
      const isNotMade = NOT_TO_BE_MADE.has(systemCode(error)) && !this.#isMade()
      const held = isNotMade ? this.#takeLog() : undefined
      if (held) return held
      throw error
    }
  }

  /** Whether the file is still at its path: somebody may have deleted it, and its directory. */
  isHeld({ path, status }: HeldLock): boolean {
    const there = this.#disk.lstat(path)
    return there !== undefined && sameFile(there, status)
  }

  /**
   * Gives it back, and unlinks its file while it is still held, so that no other one's file is
   * unlinked. Never throws.
   */
  drop(held: HeldLock): void {
    const disk = this.#disk
    const { path, fd, holder } = held
    attempt(() => {
      if (path === this.#path && this.isHeld(held)) disk.unlink(path)
    })
    if (holder.by === 'text') this.#takeBack(held)
    attempt(() => disk.close(fd))
  }

  /** Whether somebody else has made the file, who alone may open it. */
  #isMade(): boolean {
    return this.#disk.lstat(this.#path) !== undefined
  }

  /**
   * Where no file can be made nothing can be rotated either, so the log's own file serves as well:
   * one that was mounted, or made beforehand, in a directory that is not ours to write to.
   */
  #takeLog(): HeldLock | undefined {
    const path = this.#log
    if (!this.#disk.lstat(path)?.isFile()) return undefined
    const fd = this.#disk.openExisting(path)
    let held: HeldLock | undefined
    try {
      const answer = this.#disk.lock(fd)
      if (answer === 'taken') throw this.#taken(undefined)
      const holder = thisHolder(this.#platform, 'flock')
      if (answer === 'ours') held = { path, fd, status: this.#disk.fstat(fd), holder }
      return held
    } finally {
      if (!held) attempt(() => this.#disk.close(fd))
    }
  }

  #takeFile(): HeldLock {
    const disk = this.#disk
    const path = this.#path
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const fd = this.#open(path)
      if (fd === undefined) continue
      let held: HeldLock | undefined
      try {
        held = this.#lock(fd)
        if (held) return held
      } finally {
        if (!held) attempt(() => disk.close(fd)) // once: after a failure too it may be closed
      }
    }
    throw new Error(`${path} changed all the time`)
  }

  /** Undefined where the file went away between two looks. */
  #open(path: string): number | undefined {
    const disk = this.#disk
    const there = disk.lstat(path)
    if (there && !there.isFile()) throw notLock(path)
    try {
      return disk.openLock(path, this.#permissions)
    } catch (error) {
      if (systemCode(error) === 'ENOENT' && disk.lstat(dirname(path))) return undefined
      throw NO_FILE.has(systemCode(error)) ? notLock(path) : error
    }
  }

  /** Undefined where the file is not the one at the path any more. */
  #lock(fd: number): HeldLock | undefined {
    const disk = this.#disk
    const path = this.#path
    const status = disk.fstat(fd)
    const there = disk.lstat(path) // where it is, and how many names it has, at one moment
    if (!there || !sameFile(there, status)) return undefined
    const isLock = there.isFile() && !this.#isPlanted(there) && there.size <= FILE_MAX_BYTES
    if (!isLock) throw notLock(path)
    const answer = disk.lock(fd)
    if (answer === 'taken') throw this.#taken(this.#awaitHolder(fd))
    const means = answer === 'ours' ? 'flock' : 'text'
    const text = this.#read(fd)
    const other = this.#living(text).find(({ by }) => by === 'text' || means === 'text')
    if (other) throw this.#taken(other)
    if (there.nlink > 1) {
      disk.unlink(path) // a copy by links: of what a killed process left, or of a directory in use
      return undefined
    }
    const held = { path, fd, status, holder: thisHolder(this.#platform, means) }
    if (means === 'text') return this.#lockByText(held)
    if (!this.isHeld(held)) return undefined
    attempt(() => {
      if (text !== '') disk.truncate(fd) // ext4 would flush at close what follows a truncation
      this.#write(fd, formatHolder(held.holder))
    })
    return held
  }

  /** Of a second name we could not tell whose file it is, where others may have made it. */
  #isPlanted({ nlink }: FileStatus): boolean {
    const disk = this.#disk
    return nlink > 1 && othersWhoMayWrite(disk.stat(dirname(this.#log))) !== undefined
  }

  #lockByText(held: HeldLock): HeldLock | undefined {
    const disk = this.#disk
    const { fd, holder } = held
    try {
      this.#write(fd, formatHolder(holder))
    } catch (cause) {
      this.#warn(cause) // a full disk: nobody else can take it by text either
      return held
    }
    let first: LockHolder | undefined
    try {
      first = this.#living(this.#read(fd))[0]
      if (first?.id === holder.id && this.isHeld(held)) {
        if (disk.fstat(fd).size <= TEXT_MAX_BYTES) return held
        disk.unlink(this.#path) // as its holder; the next try makes the file anew
      }
    } catch (error) {
      this.#takeBack(held)
      throw error
    }
    this.#takeBack(held)
    if (first && first.id !== holder.id) throw this.#taken(first)
    return undefined
  }

  #takeBack({ fd, holder }: HeldLock): void {
    gone.add(holder.id)
    attempt(() => {
      this.#write(fd, formatGone(holder))
      gone.delete(holder.id)
    })
  }

  /** Who has it writes so right after; where many start at once, that may be in this moment. */
  #awaitHolder(fd: number): LockHolder | undefined {
    for (let waits = 0; ; waits++) {
      const [holder] = this.#living(this.#read(fd))
      if (holder || waits === NAME_WAITS_MAX) return holder
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }

  #living(text: string): LockHolder[] {
    const holders = parseHolders(text).filter(({ id }) => !gone.has(id))
    return holders.filter(holder => isAlive(this.#platform, holder))
  }

  /** What cannot be read names nobody. */
  #read(fd: number): string {
    const disk = this.#disk
    const bytes = new Uint8Array(FILE_MAX_BYTES)
    let length = 0
    attempt(() => {
      length = disk.read(fd, bytes, 0)
    })
    return Buffer.from(bytes.buffer, 0, length).toString('utf8')
  }

  #write(fd: number, text: string): void {
    const disk = this.#disk
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length;) {
      const taken = disk.write(fd, bytes, at, bytes.length - at)
      if (taken === 0) throw new Error('the write took nothing')
      at += taken
    }
  }

  #taken(holder: LockHolder | undefined): RollkeeperError {
    const path = this.#log
    const why = whyTaken(this.#platform, holder, this.#path)
    return new RollkeeperError('ERR_ROLLKEEPER_LOCKED', `cannot open ${path}: ${why}`, { path })
  }
}

function notLock(path: string): RollkeeperError {
  const message = `${path} is not the file of a lock, as nothing else may be in this place`
  return new RollkeeperError('ERR_ROLLKEEPER_PATH', message, { path })
}

/** Runs a step without which the lock is as good: its text is missing, or its file stays. */
function attempt(step: () => void): void {
  try {
    step()
  } catch {
    // The kernel frees what is left when the process ends.
  }
}
