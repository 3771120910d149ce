/**
 * Rotation, as steps that can each be repeated. File names and inodes are the only record of how
 * far one came, so `recover` finishes what a crash left at any of them:
 *
 *     1. rename  audit.log             -> .audit.log.rotating
 *     2. lstat   .audit.log.rotating      is it the file that we have open?
 *     3. link    .audit.log.rotating   -> audit-<time>.log      EEXIST: the next millisecond
 *     4. open    audit.log                O_CREAT | O_EXCL | O_APPEND
 *     5. behind  fdatasync audit-<time>.log, fsync the directory
 *     6. unlink  .audit.log.rotating
 *
 * `rename` gives us a name that nobody else uses, so that no file of somebody else is taken for
 * ours; `link`, unlike `rename`, never replaces a file. Steps 4 and 5 are the caller's.
 */
import { basename, dirname, join } from 'node:path'
import { archivePath, plainBackup, type Backup } from '../backup/backup.js'
import { LATEST_TIME } from '../backup/backup-name.js'
import type { BackupTimes } from '../backup/backup-times.js'
import { closeTornTail } from '../backup/torn-tail.js'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'

/** The file to rotate, and what is known of those before it. */
export interface RotationOrder {
  /** The active file. */
  readonly path: string
  /** What our descriptor is open on. */
  readonly open: FileStatus
  /** Wall clock, in milliseconds. */
  readonly now: number
  /** Of the backups before it, all known. */
  readonly times: BackupTimes
  /** The file of the rotation before, whose private name may not be released yet. */
  readonly previous?: FileStatus | undefined
}

/** What was found to do when a log was opened. */
export interface Recovery {
  /** Rotations that were finished. */
  readonly finished: number
  /** Bytes of torn tails that were closed off. */
  readonly tornBytes: number
}

/** What `recover` did, and whose mode and owner the next file is to have. */
export interface RecoveredRotation extends Recovery {
  readonly file: FileStatus | undefined
  /** `'later'`: it takes too long to read the directory now; to be called again when it is read. */
  readonly end: 'done' | 'later'
}

/** How file systems without hard links, or a kernel that forbids them, refuse one (link(2)). */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EMLINK',
])

/** The name that a file has between being active and being a backup. */
export function privatePath(path: string): string {
  return join(dirname(path), `.${basename(path)}.rotating`)
}

/**
 * Steps 1 to 3: the active file becomes a backup. When it returns, the active path is free; when it
 * throws, the file is where it was, or under its private name, from where the next rotation or
 * `recover` takes it on. No other file is touched.
 *
 * @throws RollkeeperError `ERR_ROLLKEEPER_ROTATE`.
 */
export function rotate(disk: Disk, order: RotationOrder): Backup {
  const { path, open } = order
  const hidden = privatePath(path)
  try {
    nameLeftover(disk, order)
    renameAway(disk, path, hidden, open)
  } catch (cause) {
    throw refused(path, cause)
  }
  try {
    return nameBackup(disk, order, hidden)
  } catch (cause) {
    putBack(disk, hidden, path)
    throw refused(path, cause)
  }
}

/** Whether the rotation of a file has not ended yet: it still has its private name. */
export function isPrivate(disk: Disk, path: string, file: FileStatus): boolean {
  const left = disk.lstat(privatePath(path))
  return left !== undefined && sameFile(left, file)
}

/**
 * Step 6, once the directory is synced: from here on the backup has only its own name, or none if
 * it was pruned already.
 *
 * @param rotated the file that the rotation named.
 * @throws what `unlink` throws.
 */
export function release(disk: Disk, path: string, rotated: FileStatus): void {
  const hidden = privatePath(path)
  const left = disk.lstat(hidden)
  if (left && sameFile(left, rotated)) disk.unlink(hidden)
}

/**
 * Finishes the rotation that a crash interrupted, if one did. Reads the directory only then, and no
 * more of it at a time than nobody feels.
 *
 * @param path the active file; it need not exist.
 * @param now wall clock, in milliseconds.
 * @throws what the file system throws.
 */
export function recover(
  disk: Disk,
  path: string,
  now: number,
  times: BackupTimes,
): RecoveredRotation {
  const hidden = privatePath(path)
  const left = disk.lstat(hidden)
  if (!left?.isFile()) return { finished: 0, tornBytes: 0, file: undefined, end: 'done' }
  const fd = disk.openExisting(hidden)
  let torn: number
  try {
    torn = closeTornTail(disk, fd, left.size)
  } finally {
    disk.close(fd)
  }
  if (!times.look()) return { finished: 0, tornBytes: torn, file: left, end: 'later' }
  nameLeftover(disk, { path, open: left, now, times })
  return { finished: 1, tornBytes: torn, file: left, end: 'done' }
}

/** Gives what stands under the private name its backup name, unless it has one, and frees it. */
function nameLeftover(disk: Disk, order: RotationOrder): void {
  const hidden = privatePath(order.path)
  const left = disk.lstat(hidden)
  if (!left) return
  if (!left.isFile()) throw new Error(`${hidden} is not a regular file`)
  if (!hasOtherName(disk, order, left)) nameBackup(disk, { ...order, open: left }, hidden)
  if (disk.lstat(hidden)) disk.unlink(hidden)
}

/** Looks where a rotation puts files. A link that somebody else made does not count as a name. */
function hasOtherName(disk: Disk, order: RotationOrder, left: FileStatus): boolean {
  const { path, previous, times } = order
  // Or none, if it was pruned already. The birth time tells a file that got a freed inode apart.
  const isPrevious = previous && sameFile(left, previous)
  if (isPrevious && left.birthtimeMs === previous.birthtimeMs) return true
  if (left.nlink === 1) return false
  const isIt = (name: string): boolean => {
    const status = disk.lstat(name)
    return status !== undefined && sameFile(status, left)
  }
  if (isIt(path)) return true
  // As a rule the first of them: nothing is rotated while the private name is taken.
  return times.newestFirst().some(time => isIt(plainBackup(path, new Date(time), 0).path))
}

function renameAway(disk: Disk, path: string, hidden: string, open: FileStatus): void {
  try {
    disk.rename(path, hidden)
  } catch (error) {
    // It may have taken effect all the same: network file systems repeat requests.
    const moved = disk.lstat(hidden)
    if (!moved || !sameFile(moved, open)) throw error
  }
  const moved = disk.lstat(hidden)
  if (moved && sameFile(moved, open)) return
  putBack(disk, hidden, path)
  throw new Error('somebody replaced it in this moment')
}

/** Gives the file under the private name the first free backup name after the newest one. */
function nameBackup(disk: Disk, order: RotationOrder, hidden: string): Backup {
  const { path, open, now, times } = order
  const bytes = disk.lstat(hidden)?.size ?? open.size
  const after = (times.newest ?? -Infinity) + 1
  // No name sorts after the last there is, and somebody may have made that one.
  let time = after > LATEST_TIME ? now : Math.max(now, after)
  let backup = plainBackup(path, new Date(time), bytes)
  while (disk.lstat(archivePath(backup)) || !takeName(disk, hidden, backup.path, open)) {
    backup = plainBackup(path, new Date(++time), bytes)
  }
  times.add(time)
  return backup
}

/** Names a file, by a link if the file system has them; false where the name was taken. */
function takeName(disk: Disk, hidden: string, name: string, open: FileStatus): boolean {
  try {
    disk.link(hidden, name)
    return true
  } catch (error) {
    const code = systemCode(error)
    if (NO_LINKS.has(code)) return moveExclusively(disk, hidden, name)
    const there = disk.lstat(name)
    if (there && sameFile(there, open)) return true
    if (code !== 'EEXIST') throw error
    return false
  }
}

/** Without links: takes the name by an empty file that was not there, then renames over that. */
function moveExclusively(disk: Disk, from: string, to: string): boolean {
  try {
    disk.close(disk.create(to, { mode: 0o600 }))
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
  try {
    disk.rename(from, to)
    return true
  } catch (error) {
    disk.unlink(to)
    throw error
  }
}

/**
 * Undoes step 1 where the active path is still free. Where it is not, or where that fails too, the
 * file stays under its private name, from where the next rotation or `recover` takes it on.
 */
function putBack(disk: Disk, hidden: string, path: string): void {
  try {
    disk.link(hidden, path)
    disk.unlink(hidden)
  } catch {
    try {
      if (!disk.lstat(path)) disk.rename(hidden, path)
    } catch {
      // The error that made us put it back says more.
    }
  }
}

function refused(path: string, cause: unknown): RollkeeperError {
  const message = `cannot rotate ${path} (${reasonOf(cause)}); records go on into it`
  return new RollkeeperError('ERR_ROLLKEEPER_ROTATE', message, { path, cause })
}
