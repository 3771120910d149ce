/**
 * The lock of a log: the file `.audit.log.lock` beside it, locked by `flock(2)`, so that the kernel
 * frees it however its holder ends, and nobody has to judge who is alive. Its text says who holds
 * it. The holder unlinks the file when it is done; a file that is left, by a process that was killed,
 * holds nothing.
 *
 * Where there is no `flock`, the text is the lock. Each who wants it appends a line, by one write,
 * and the first line whose process lives holds; who comes later takes its own line back. All see the
 * lines in one order, so never do two hold, and none has to be trusted to delete another's file.
 */
import { basename, dirname, join } from 'node:path'
import { othersWhoMayWrite } from './directory-access.js'
import { sameFile, type FileStatus, type Permissions } from './disk.js'
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
import { notRegular, reasonOf, RollkeeperError, systemCode } from './rollkeeper-error.js'

/** Permissions for what has to be made: the lock's file, and directories on the way to it. */
export interface LockMaking {
  readonly file: Permissions
  readonly directoryMode: number
}

/** The lock, while it is held. */
interface Held {
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

/** The owner has to read and write the file, whatever the log's mode is. */
const OWNER_BITS = 0o600
/** Group and others may write the log; who may only read it must not be able to lock it. */
const WRITE_BITS = 0o022

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

/** Keeps a log for one opener: no other one, in this or another process, gets it meanwhile. */
export class PathLock {
  /** The active file. */
  readonly path: string
  /** Directories whose entries making it changed; they have to be synced for the log to last. */
  readonly changedDirectories: readonly string[]
  readonly #platform: Platform
  readonly #permissions: Permissions
  readonly #warn: (error: RollkeeperError) => void
  readonly #made: readonly string[]
  #held: Held | undefined
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
    this.#permissions = { mode: OWNER_BITS | shared | (shared << 1), ...owner }
    this.#made = there ? [] : disk.makeDirectory(dirname(path), making.directoryMode)
    this.changedDirectories = this.#made.map(directory => dirname(directory))
    try {
      this.#held = this.#take()
    } catch (error) {
      this.#removeDirectories()
      throw error
    }
  }

  /**
   * Takes the lock of a log, and makes missing directories. When it throws, it has left nothing.
   *
   * @param path the active file, which need not exist; if it does, the lock's file takes its
   *   permissions.
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
      if (before && this.#isAtPath(before)) return
      this.#held = this.#take()
      if (before?.holder.by === 'text') this.#takeBack(before)
      if (before) attempt(() => this.#platform.disk.close(before.fd))
      this.#lastWarning = undefined
    } catch (cause) {
      this.#warnOnce(cause)
    }
  }

  /** Gives it back, and leaves no file. Once is enough; it never throws. */
  release(): void {
    const held = this.#held
    this.#held = undefined
    if (held) this.#drop(held)
  }

  #take(): Held {
    try {
      return this.#takeFile()
    } catch (error) {
      const isNotMade = NOT_TO_BE_MADE.has(systemCode(error)) && !this.#isMade()
      const held = isNotMade ? this.#takeLog() : undefined
      if (held) return held
      throw error
    }
  }

  /** Whether somebody else has made the file, who alone may open it. */
  #isMade(): boolean {
    return this.#platform.disk.lstat(lockPath(this.path)) !== undefined
  }

  /**
   * Where no file can be made nothing can be rotated either, so the log's own file serves as well:
   * one that was mounted, or made beforehand, in a directory that is not ours to write to.
   */
  #takeLog(): Held | undefined {
    const { disk } = this.#platform
    const { path } = this
    if (!disk.lstat(path)?.isFile()) return undefined
    const fd = disk.openExisting(path)
    let held: Held | undefined
    try {
      const answer = disk.lock(fd)
      if (answer === 'taken') throw this.#taken(undefined)
      const holder = thisHolder(this.#platform, 'flock')
      if (answer === 'ours') held = { path, fd, status: disk.fstat(fd), holder }
      return held
    } finally {
      if (!held) attempt(() => disk.close(fd))
    }
  }

  #takeFile(): Held {
    const { disk } = this.#platform
    const path = lockPath(this.path)
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const fd = this.#open(path)
      if (fd === undefined) continue
      let held: Held | undefined
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
    const { disk } = this.#platform
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
  #lock(fd: number): Held | undefined {
    const { disk } = this.#platform
    const path = lockPath(this.path)
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
    if (!this.#isAtPath(held)) return undefined
    attempt(() => {
      if (text !== '') disk.truncate(fd) // ext4 would flush at close what follows a truncation
      this.#write(fd, formatHolder(held.holder))
    })
    return held
  }

  /** Of a second name we could not tell whose file it is, where others may have made it. */
  #isPlanted({ nlink }: FileStatus): boolean {
    const { disk } = this.#platform
    return nlink > 1 && othersWhoMayWrite(disk.stat(dirname(this.path))) !== undefined
  }

  #lockByText(held: Held): Held | undefined {
    const { disk } = this.#platform
    const { fd, holder } = held
    try {
      this.#write(fd, formatHolder(holder))
    } catch (cause) {
      this.#warnOnce(cause) // a full disk: nobody else can take it by text either
      return held
    }
    let first: LockHolder | undefined
    try {
      first = this.#living(this.#read(fd))[0]
      if (first?.id === holder.id && this.#isAtPath(held)) {
        if (disk.fstat(fd).size <= TEXT_MAX_BYTES) return held
        disk.unlink(lockPath(this.path)) // as its holder; the next try makes the file anew
      }
    } catch (error) {
      this.#takeBack(held)
      throw error
    }
    this.#takeBack(held)
    if (first && first.id !== holder.id) throw this.#taken(first)
    return undefined
  }

  #takeBack({ fd, holder }: Held): void {
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

  #isAtPath({ path, status }: Held): boolean {
    const there = this.#platform.disk.lstat(path)
    return there !== undefined && sameFile(there, status)
  }

  /** Unlinks the file while it is still held, so that no other one's file is unlinked. */
  #drop(held: Held): void {
    const { disk } = this.#platform
    const { path, fd, holder } = held
    attempt(() => {
      if (path === lockPath(this.path) && this.#isAtPath(held)) disk.unlink(path)
    })
    if (holder.by === 'text') this.#takeBack(held)
    attempt(() => disk.close(fd))
  }

  #living(text: string): LockHolder[] {
    const holders = parseHolders(text).filter(({ id }) => !gone.has(id))
    return holders.filter(holder => isAlive(this.#platform, holder))
  }

  /** What cannot be read names nobody. */
  #read(fd: number): string {
    const { disk } = this.#platform
    const bytes = new Uint8Array(FILE_MAX_BYTES)
    let length = 0
    attempt(() => {
      length = disk.read(fd, bytes, 0)
    })
    return Buffer.from(bytes.buffer, 0, length).toString('utf8')
  }

  #write(fd: number, text: string): void {
    const { disk } = this.#platform
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length;) {
      const taken = disk.write(fd, bytes, at, bytes.length - at)
      if (taken === 0) throw new Error('the write took nothing')
      at += taken
    }
  }

  #removeDirectories(): void {
    for (const directory of this.#made.toReversed()) {
      attempt(() => this.#platform.disk.removeDirectory(directory))
    }
  }

  #taken(holder: LockHolder | undefined): RollkeeperError {
    const { path } = this
    const why = whyTaken(this.#platform, holder, lockPath(path))
    return new RollkeeperError('ERR_ROLLKEEPER_LOCKED', `cannot open ${path}: ${why}`, { path })
  }

  #warnOnce(cause: unknown): void {
    const { path } = this
    const message = `cannot lock ${path} (${reasonOf(cause)}); records go on into it, and nothing keeps others from it`
    if (message === this.#lastWarning) return
    this.#lastWarning = message
    this.#warn(new RollkeeperError('ERR_ROLLKEEPER_LOCKED', message, { path, cause }))
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
