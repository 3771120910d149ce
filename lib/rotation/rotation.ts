/**
 * Rotation, as steps that can each be repeated. File names and inodes are the only record of how
 * far one came, so `recovery.ts` finishes what a crash left at any of them:
 *
 *     1. rename  audit.log             -> .audit.log.rotating
 *     2. lstat   .audit.log.rotating      is it the file that we have open?
 *     3. link    .audit.log.rotating   -> audit-<time>.log      EEXIST: the next millisecond
 *     4. open    audit.log                O_CREAT | O_EXCL | O_APPEND
 *     5. behind  fdatasync audit-<time>.log, fsync the directory
 *     6. unlink  .audit.log.rotating
 *
 * `rename` gives us a name that nobody else uses, so that no file of somebody else is taken for
 * ours; `link`, unlike `rename`, never replaces a file. Steps 4 and 5 are the caller's. Rotations
 * that come before step 6 of the one before take other private names (see `PrivateNames`), so that
 * none of them ever waits for the disk.
 */
import { dirname } from 'node:path'
import { archivePath, plainBackup, type Backup } from '../backup/backup.js'
import { LATEST_TIME } from '../backup/backup-name.js'
import type { BackupTimes } from '../backup/backup-times.js'
import { privatePath } from '../backup/private-name.js'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import type { PrivateNames } from './private-names.js'

/** What a rotation has to know of the log. */
export interface LogState {
  /** The active file. */
  readonly path: string
  /** Wall clock, in milliseconds. */
  readonly now: number
  /** Of the backups so far, all known. */
  readonly times: BackupTimes
  readonly names: PrivateNames
}

/** The file to rotate. */
export interface RotationOrder extends LogState {
  /** What our descriptor is open on. */
  readonly open: FileStatus
}

/** How file systems without hard links, or a kernel that forbids them, refuse one (link(2)). */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EMLINK',
])

/**
 * Steps 1 to 3: the active file becomes a backup. When it returns, the active path is free; when it
 * throws, the file is where it was, or under a private name, from where the next rotation or
 * recovery takes it on. No other file is touched.
 *
 * @throws RollkeeperError `ERR_ROLLKEEPER_ROTATE`.
 */
export function rotate(disk: Disk, order: RotationOrder): Backup {
  const { path, open, names } = order
  let number: number | undefined
  try {
    number = names.next()
    const hidden = privatePath(path, number)
    renameAway(disk, path, hidden, open)
    const backup = nameBackup(disk, order, hidden)
    names.add(open, number)
    return backup
  } catch (cause) {
    if (number !== undefined && !isPutBack(disk, order, number)) names.leave(number)
    throw refused(path, cause)
  }
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
  throw new Error('somebody replaced it in this moment')
}

/**
 * Gives a file its backup name: the first that is free after the newest one; or, for one that was
 * rotated before others, the last that is free before theirs.
 *
 * @param hidden where the file is now.
 * @param before the time of the next backup after it, in milliseconds. Default: there is none.
 * @throws what the file system throws.
 */
export function nameBackup(
  disk: Disk,
  { path, now, times }: LogState,
  hidden: string,
  before = Infinity,
): Backup {
  const file = disk.lstat(hidden)
  if (!file) throw new Error(`${hidden} vanished`)
  const after = (times.newest ?? -Infinity) + 1
  // No name sorts after the last there is, and somebody may have made that one.
  const next = after > LATEST_TIME ? now : Math.max(now, after)
  const step = next < before ? 1 : -1
  let time = next < before ? next : before - 1
  let backup = plainBackup(path, new Date(time), file.size)
  while (disk.lstat(archivePath(backup)) || !takeName(disk, hidden, backup.path, file)) {
    time += step
    backup = plainBackup(path, new Date(time), file.size)
  }
  times.add(time)
  return backup
}

/** Names a file, by a link if the file system has them; false where the name was taken. */
function takeName(disk: Disk, hidden: string, name: string, file: FileStatus): boolean {
  try {
    disk.link(hidden, name)
    return true
  } catch (error) {
    const there = disk.lstat(name)
    if (there && sameFile(there, file)) return true
    const code = systemCode(error)
    if (NO_LINKS.has(code)) return moveExclusively(disk, hidden, name, file)
    if (code !== 'EEXIST' || !there) throw error
    return false
  }
}

/** Without links: takes the name by an empty file that was not there, then renames over that. */
function moveExclusively(disk: Disk, from: string, to: string, file: FileStatus): boolean {
  let fd: number
  try {
    fd = disk.create(to, { mode: 0o600 })
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && disk.lstat(to)) return false
    throw error
  }
  let made: FileStatus | undefined
  try {
    try {
      made = disk.fstat(fd)
    } finally {
      disk.close(fd)
    }
    disk.rename(from, to)
    return true
  } catch (error) {
    const there = disk.lstat(to)
    if (there && sameFile(there, file)) return true // it was renamed all the same
    if (there && made && sameFile(there, made)) disk.unlink(to)
    throw error
  }
}

/**
 * Undoes step 1. Not where the file may have its backup name by now, nor over what came to the active
 * path meanwhile: then it stays under its private name. What somebody put in our file's place, and
 * was renamed instead of it, goes back in any case.
 *
 * @returns whether nothing stands at the private name any more.
 */
function isPutBack(disk: Disk, { path, open }: RotationOrder, number: number): boolean {
  const hidden = privatePath(path, number)
  try {
    const left = disk.lstat(hidden)
    if (!left) return true
    if (sameFile(left, open) && left.nlink > 1) return false
    return isLinkedBack(disk, hidden, path) || isMovedBack(disk, hidden, path)
  } catch {
    return false // the error that made us put it back says more
  }
}

function isLinkedBack(disk: Disk, hidden: string, path: string): boolean {
  try {
    disk.link(hidden, path)
  } catch {
    return false
  }
  disk.syncDirectoryNow(dirname(path)) // at no moment may power loss leave it without a name
  disk.unlink(hidden)
  return true
}

function isMovedBack(disk: Disk, hidden: string, path: string): boolean {
  if (disk.lstat(path)) return false
  disk.rename(hidden, path)
  return true
}

function refused(path: string, cause: unknown): RollkeeperError {
  const message = `cannot rotate ${path} (${reasonOf(cause)}); records go on into it`
  return new RollkeeperError('ERR_ROLLKEEPER_ROTATE', message, { path, cause })
}
