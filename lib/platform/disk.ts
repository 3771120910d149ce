/**
 * The only file that touches the file system: one seam, so that every fault can be injected.
 *
 * The system calls of a happy day, in their order:
 *
 *     lock      lstat path, mkdir parents, open O_CREAT|O_EXCL, open, fstat, lstat, flock, read,
 *               lstat, ftruncate, write
 *     open      lstat path, mkdir parents, open O_CREAT|O_EXCL|O_APPEND, fchmod, fstat
 *     write     lstat path (still ours?), write, fstat (not deleted meanwhile?)
 *     rotate    rename path private, lstat private, lstat archive, link private backup,
 *               open path O_CREAT|O_EXCL|O_APPEND, fchmod, fstat
 *     behind    fdatasync backup, fsync directory, unlink private, close
 *     archive   open backup, open temporary O_CREAT|O_EXCL, fchown, fchmod, read and write,
 *               fdatasync temporary, rename it to the archive, fsync directory, unlink backup
 *     prune     getdents directory, lstat backup, lstat holds, unlink backup
 */
import fs from 'node:fs'
import { dirname } from 'node:path'
import type { FileStatus } from './file-status.js'
import { byCommand, byKoffi, Flock, type LockAnswer } from './flock.js'
import { systemCode } from './rollkeeper-error.js'

export { sameFile, type FileStatus } from './file-status.js'

/** One name of a directory; `regular` is undefined where the file system does not tell. */
export interface DirectoryEntry {
  readonly name: string
  readonly regular: boolean | undefined
}

/** A directory that is being read at once, in pieces. */
export interface NameScan {
  /** Some hundred names more; undefined when there are none left, and the directory is closed. */
  next(): readonly string[] | undefined
  /** Ends it before its end. */
  close(): void
}

/** Permission bits, and the owner where it is to be other than our own. */
export interface Permissions {
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
}

/**
 * The file system as rollkeeper uses it. Everything on the way of a record is synchronous, because
 * only that reaches the file before a process that exits; whatever waits for the disk is not.
 */
export interface Disk {
  /** Opens a file that is there, to append and to read. A link at its place is ELOOP. */
  openExisting(path: string): number
  /** Makes a file that was not there, to append and to read; EEXIST where there was one. */
  create(path: string, permissions: Permissions): number
  /**
   * Opens the file of a lock, to append and to read, and makes it where it is missing; only then it
   * gets these permissions. A link at its place is ELOOP; for a pipe nothing is waited for.
   */
  openLock(path: string, permissions: Permissions): number
  /**
   * Takes the lock of a file that `openLock` has opened, without waiting: `flock(2)`. It lasts until
   * the file is closed, or the process ends in whatever way.
   */
  lock(fd: number): LockAnswer
  /** Empties a file. */
  truncate(fd: number): void
  /** Opens a file that is there, to read it. A link at its place is ELOOP. */
  openToRead(path: string): number
  close(fd: number): void
  /** One `write(2)`, at the end of the file. Returns how many bytes it took; may be fewer. */
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number
  /** One `pread(2)`. Returns how many bytes came; fewer at the end of the file. */
  read(fd: number, bytes: Uint8Array, position: number): number
  fstat(fd: number): FileStatus
  /** What stands at a path, links not followed; undefined where nothing does. */
  lstat(path: string): FileStatus | undefined
  /** What a path leads to, links followed. */
  stat(path: string): FileStatus
  rename(from: string, to: string): void
  link(from: string, to: string): void
  unlink(path: string): void
  /**
   * Makes a directory and its missing parents; returns those it made, outermost first. When it
   * throws it has made none.
   */
  makeDirectory(path: string, mode: number): string[]
  removeDirectory(path: string): void
  /** Begins to read the names of a directory at once, for the rare moments that cannot wait. */
  scan(directory: string): NameScan
  /** The entries of a directory, some hundreds at a time, read off the event loop. */
  entries(directory: string): AsyncIterable<readonly DirectoryEntry[]>
  /** `read`, off the event loop. */
  readLater(fd: number, bytes: Uint8Array, position: number): Promise<number>
  /** `write`, off the event loop: of all bytes, at the end of the file. */
  writeLater(fd: number, bytes: Uint8Array): Promise<number>
  /** Resolved: the file's data and size are on stable storage. */
  datasync(fd: number): Promise<void>
  /** Resolved: the directory's entries are on stable storage, where its file system can tell. */
  syncDirectory(directory: string): Promise<void>
  /** `datasync`, at once: for what has to be safe before a log is ready. */
  datasyncNow(fd: number): void
  /** `syncDirectory`, at once: for the moments in which a name must not be lost. */
  syncDirectoryNow(directory: string): void
  /** Unlinks off the event loop: freeing a large file takes the kernel a while. */
  remove(path: string): Promise<void>
  /** Bytes that are free for us on the file system of a directory. */
  freeBytes(directory: string): Promise<number>
}

const {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  S_IFDIR,
} = fs.constants

/** Names that are read from a directory before other work gets its turn: about 0.2 ms. */
const ENTRIES_AT_ONCE = 512

/**
 * How file systems say that a directory cannot be synced (fsync(2)). Not by EROFS, which is also what
 * ext4 says when it has shut down: there a name may be lost.
 */
const NO_DIRECTORY_SYNC: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP'])

/** Permissions of the owner of a file. */
const OWNER_BITS = 0o700

/** Of these, to read. */
const READ_BIT = 0o400

/** Permissions of the group of a file, and of everybody else. */
const GROUP_BITS = 0o070
const OTHERS_BITS = 0o007

/** For `chown(2)`: leave it as it is. */
const SAME = -1

/** Set-group-id, which a directory takes from its parent, and sticky. */
const INHERITED_BITS = 0o3000

/** By hand, because `promisify` costs a hundredth of a whole group commit. */
function datasync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, error => (error ? reject(error) : resolve()))
  })
}

const systemFlock = new Flock([byKoffi(), byCommand()])

/** The machine's file system. */
export const systemDisk: Disk = {
  openExisting: path => fs.openSync(path, O_RDWR | O_APPEND | O_NOFOLLOW),
  create(path, { mode, uid, gid }) {
    // For nobody else, until it has the owner whose mode this is.
    const flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CREAT | O_EXCL
    const fd = fs.openSync(path, flags, mode & OWNER_BITS)
    try {
      const isGiven = uid !== undefined && gid !== undefined
      const allowed = isGiven ? changeOwner(fd, { mode, uid, gid }) : mode
      fs.fchmodSync(fd, allowed) // after the owner, whose change clears bits; umask had its say above
      return fd
    } catch (error) {
      fs.closeSync(fd)
      fs.unlinkSync(path)
      throw error
    }
  },
  openLock(path, permissions) {
    try {
      systemDisk.close(systemDisk.create(path, permissions))
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
    const base = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK
    return systemFlock.open(flags => fs.openSync(path, base | flags))
  },
  lock: fd => systemFlock.lock(fd),
  truncate: fd => fs.ftruncateSync(fd),
  // Not to wait for the other end of a pipe that somebody put there.
  openToRead: path => fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
  close: fd => fs.closeSync(fd),
  write: (fd, bytes, offset, length) => fs.writeSync(fd, bytes, offset, length),
  read: (fd, bytes, position) => fs.readSync(fd, bytes, 0, bytes.length, position),
  fstat(fd) {
    const status = fs.fstatSync(fd)
    return Number.isSafeInteger(status.ino) ? status : exact(status, fs.fstatSync(fd, BIGINT))
  },
  lstat(path) {
    const status = fs.lstatSync(path, NO_THROW)
    if (status === undefined || Number.isSafeInteger(status.ino)) return status
    return exact(status, fs.lstatSync(path, BIGINT))
  },
  stat: path => fs.statSync(path),
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  unlink: path => fs.unlinkSync(path),
  makeDirectory(path, mode) {
    const missing: string[] = []
    for (let at = path; !fs.existsSync(at); at = dirname(at)) missing.unshift(at)
    const made: string[] = []
    try {
      for (const directory of missing) {
        if (!makeOneDirectory(directory, mode)) continue
        made.unshift(directory)
        setDirectoryMode(directory, mode)
      }
    } catch (error) {
      for (const directory of made) fs.rmdirSync(directory)
      throw error
    }
    return made.toReversed()
  },
  removeDirectory: path => fs.rmdirSync(path),
  scan(directory) {
    const names = fs.opendirSync(directory, ENTRIES)
    return {
      next() {
        const some: string[] = []
        while (some.length < ENTRIES_AT_ONCE) {
          const entry = names.readSync()
          if (!entry) break
          some.push(entry.name)
        }
        if (some.length > 0) return some
        names.closeSync()
        return undefined
      },
      close: () => names.closeSync(),
    }
  },
  async *entries(directory) {
    const entries = await fs.promises.opendir(directory, ENTRIES)
    let ahead = readAhead(entries)
    try {
      for (let first = await ahead; first; first = await ahead) {
        const some = drain(entries, first)
        ahead = readAhead(entries)
        yield some
      }
    } finally {
      await ahead.catch(() => undefined)
      await entries.close()
    }
  },
  readLater(fd, bytes, position) {
    return new Promise((resolve, reject) => {
      fs.read(fd, bytes, 0, bytes.length, position, (error, came) =>
        error ? reject(error) : resolve(came),
      )
    })
  },
  writeLater(fd, bytes) {
    return new Promise((resolve, reject) => {
      fs.write(fd, bytes, (error, taken) => (error ? reject(error) : resolve(taken)))
    })
  },
  datasync,
  async syncDirectory(directory) {
    const handle = await fs.promises.open(directory, O_RDONLY | O_DIRECTORY)
    try {
      await handle.sync()
    } catch (error) {
      if (!NO_DIRECTORY_SYNC.has(systemCode(error))) throw error
    } finally {
      await handle.close()
    }
  },
  datasyncNow: fd => fs.fdatasyncSync(fd),
  syncDirectoryNow(directory) {
    const fd = fs.openSync(directory, O_RDONLY | O_DIRECTORY)
    try {
      fs.fsyncSync(fd)
    } catch (error) {
      if (!NO_DIRECTORY_SYNC.has(systemCode(error))) throw error
    } finally {
      fs.closeSync(fd)
    }
  },
  remove: path => fs.promises.unlink(path),
  async freeBytes(directory) {
    const { bavail, bsize } = await fs.promises.statfs(directory)
    return bavail * bsize
  },
}

/** Kept once: the write path asks with it before every batch. */
const NO_THROW = { throwIfNoEntry: false } as const
const BIGINT = { bigint: true } as const
const ENTRIES = { bufferSize: ENTRIES_AT_ONCE } as const

/** Fills a buffer with entries, off the event loop, and gives the first: the others are there then. */
function readAhead(directory: fs.Dir): Promise<fs.Dirent | null> {
  const first = directory.read()
  first.catch(() => undefined) // it is heard when it is waited for
  return first
}

/** What is in the buffer. To wait for each of them would be several times the work. */
function drain(directory: fs.Dir, first: fs.Dirent): DirectoryEntry[] {
  const some: DirectoryEntry[] = []
  for (let entry: fs.Dirent | null = first; entry;) {
    const told = entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()
    some.push({ name: entry.name, regular: told ? entry.isFile() : undefined })
    entry = some.length < ENTRIES_AT_ONCE ? directory.readSync() : null
  }
  return some
}

/**
 * Inode numbers of some file systems do not fit a JavaScript number, and rounded ones could take
 * one file for another. Asking for bigints alone costs a third more, so only those get them.
 */
function exact(status: fs.Stats, { ino }: fs.BigIntStats): FileStatus {
  const precise: FileStatus = Object.create(status, { ino: { value: ino } })
  return precise
}

/**
 * Makes a directory whose parent is there; false where somebody else did in the same moment. Not by
 * `recursive`: in a place like /proc, where none can be made, Node would never return.
 */
function makeOneDirectory(directory: string, mode: number): boolean {
  try {
    fs.mkdirSync(directory, mode)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && fs.existsSync(directory)) return false
    throw error
  }
}

/**
 * Not left to the umask. By a descriptor, since somebody might put a link in the directory's place;
 * but a umask that takes our own permission to read does not let us open it.
 */
function setDirectoryMode(directory: string, mode: number): void {
  const { mode: given } = fs.lstatSync(directory)
  const wanted = (given & INHERITED_BITS) | mode
  if (given === (S_IFDIR | wanted)) return
  const hasOnlyName = process.platform === 'win32' || (given & READ_BIT) === 0
  if (hasOnlyName) return fs.chmodSync(directory, wanted)
  const fd = fs.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    fs.fchmodSync(fd, wanted)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Owner and group carry over as far as we may give files away: only root may give them to another
 * user, and others only to groups that they are in (chown(2)).
 *
 * @returns the mode that the file may have. Where it did not get the group, its group has no more
 *   rights than everybody: it is not the one that the mode was meant for.
 */
function changeOwner(fd: number, { mode, uid, gid }: Required<Permissions>): number {
  if (chown(fd, uid, gid) || chown(fd, SAME, gid) || fs.fstatSync(fd).gid === gid) return mode
  return mode & (~GROUP_BITS | ((mode & OTHERS_BITS) << 3))
}

/** Returns whether we may. */
function chown(fd: number, uid: number, gid: number): boolean {
  try {
    fs.fchownSync(fd, uid, gid)
    return true
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw error
    return false
  }
}

/**
 * Bytes of a pipe or a socket that can be had right now, without waiting for its other end. Its
 * descriptor has to be non-blocking already, as it is for what `process.stdin` was made of.
 *
 * @param bytes where they go, from its start.
 * @returns how many came: 0 at the end, when nothing is there, and for anything else than these
 *   two, which could only be asked by waiting.
 * @throws what the system says of anything but an empty pipe.
 */
export function readAvailable(fd: number, bytes: Uint8Array): number {
  const status = fs.fstatSync(fd)
  const asksInVain = process.platform === 'win32' || !(status.isFIFO() || status.isSocket())
  if (asksInVain) return 0
  try {
    return fs.readSync(fd, bytes, 0, bytes.length, null)
  } catch (error) {
    if (systemCode(error) === 'EAGAIN') return 0
    throw error
  }
}
