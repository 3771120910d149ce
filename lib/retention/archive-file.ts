/**
 * How a backup becomes an archive. A crash at any point leaves the whole backup, the whole archive,
 * or both; names alone tell how far it came.
 *
 *     1. unlink  .audit-<time>.log.gz.tmp       whatever was left there, links not followed
 *     2. open    audit-<time>.log               the very file that stood there
 *     3. create  .audit-<time>.log.gz.tmp       O_EXCL, with the backup's owner and mode
 *     4. copy    read, gzip, write; fdatasync
 *     5. lstat   audit-<time>.log               still that file, and of that size?
 *     6. rename  .audit-<time>.log.gz.tmp    -> audit-<time>.log.gz
 *     7. fsync the directory
 *     8. lstat   audit-<time>.log               as in 5
 *     9. unlink  audit-<time>.log
 *
 * Where an archive stands beside its source already, it is compared first. If it is whole and the
 * same, only 7 to 9 are left to do; if it has anything that the source does not have, both stay.
 */
import { basename, dirname, join } from 'node:path'
import { archivePath, type Backup } from '../backup/backup.js'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'
import { reasonOf, systemCode } from '../platform/rollkeeper-error.js'
import { compareGzip, gzipCopy } from './gzip-copy.js'

/** The backup to compress, and how. */
export interface ArchiveOrder {
  readonly backup: Backup
  /** 1, quick, to 9, small. */
  readonly level: number
  /** Ends it, as long as the archive has not its name; from there it is quick, and frees room. */
  readonly signal: AbortSignal
  /** Whether somebody is about to remove the backup: then it is left, with its archive if any. */
  isAbandoned(): boolean
  /** Whether the rotation of this file has not ended yet. */
  isBusy(file: FileStatus): boolean
  /** A temporary file stays behind, because it cannot be removed. */
  leftBehind(temporary: string, cause: unknown): void
}

/** The directory lets nobody look, or make a file: so there will be no other archive either. */
export class DirectoryError extends Error {}

/** What is wrong with one name only, where a file cannot be made (open(2)). */
const NAME_IS_WRONG: ReadonlySet<string | undefined> = new Set(['EEXIST', 'ENAMETOOLONG'])

const NO_FILE = 'no regular file'

/** What kind of file it is, and a symbolic link (inode(7)). */
const FORMAT_BITS = 0o170000
const LINK = 0o120000

/** Where an archive is made before it gets its name. */
export function temporaryPath(archive: string): string {
  return join(dirname(archive), `.${basename(archive)}.tmp`)
}

/**
 * Compresses a backup. Resolved: its archive is on stable storage, and it is gone; or it is
 * `'busy'`, and nothing was done.
 *
 * Rejected with the reason why not: then the backup stands where it was, unless somebody else took
 * it away. Rejected with the signal's reason if that ended it.
 */
export async function makeArchive(disk: Disk, order: ArchiveOrder): Promise<Backup | 'busy'> {
  const { backup, signal } = order
  const path = archivePath(backup)
  const found = lookAt(disk, backup.path)
  if (found) {
    if (!found.isFile()) throw new Error(NO_FILE)
    if (order.isBusy(found)) return 'busy'
  }
  const from = disk.openToRead(backup.path)
  let bytes: number
  let source: FileStatus
  try {
    source = disk.fstat(from)
    expectUnchanged(disk, backup.path, source)
    const there = disk.lstat(path)
    const whole = there && (await wholeArchive(disk, path, { there, from, source, signal }))
    bytes = whole ?? (await writeArchive(disk, path, { ...order, there, from, source }))
  } finally {
    disk.close(from)
  }
  await disk.syncDirectory(dirname(path))
  if (order.isAbandoned()) throw signal.reason
  await removeSource(disk, backup.path, source)
  return { ...backup, path, name: basename(path), bytes, archived: true }
}

/** Removes what a crash left of an archive in the making. Passes over what is none. */
export async function removeTemporary(disk: Disk, path: string): Promise<void> {
  const left = disk.lstat(path)
  if (left && (left.isFile() || (left.mode & FORMAT_BITS) === LINK)) await removeIfThere(disk, path)
}

/** What is known of an archive while it is made. */
interface Making {
  /** What stood at its path before. */
  readonly there: FileStatus | undefined
  /** Open on the source, to read. */
  readonly from: number
  readonly source: FileStatus
  readonly signal: AbortSignal
}

/** The size of an archive, if it is a whole one of just this source, for nobody else to read. */
async function wholeArchive(
  disk: Disk,
  path: string,
  { there, from, source, signal }: Making,
): Promise<number | undefined> {
  if (!there?.isFile()) throw new Error(`${path} is in its place, and ${NO_FILE}`)
  const archive = disk.openToRead(path)
  try {
    const { size, mode, uid, gid } = disk.fstat(archive)
    const sizes = { archiveBytes: size, sourceBytes: source.size }
    const answer = await compareGzip(disk, { archive, source: from, ...sizes, signal })
    if (answer === 'other') throw new Error(`${path} is there, and holds something else`)
    const isAlike = mode === source.mode && uid === source.uid && gid === source.gid
    return answer === 'same' && isAlike ? size : undefined
  } finally {
    disk.close(archive)
  }
}

/** Steps 1 and 3 to 6. Returns the archive's size. When it throws, its temporary file is gone. */
async function writeArchive(
  disk: Disk,
  path: string,
  order: ArchiveOrder & Making,
): Promise<number> {
  const { backup, there, from, source, level, signal } = order
  const temporary = temporaryPath(path)
  await clear(disk, temporary)
  const to = create(disk, temporary, source)
  let made: FileStatus | undefined
  try {
    let bytes: number
    try {
      made = disk.fstat(to)
      bytes = await gzipCopy(disk, { from, bytes: source.size, to, level, signal })
      if (disk.fstat(from).size !== source.size) throw new Error('it changed its size')
    } finally {
      disk.close(to) // before the rename: some file systems say only here what they did not write
    }
    signal.throwIfAborted()
    expectUnchanged(disk, backup.path, source)
    rename(disk, temporary, path, { made, there })
    return bytes
  } catch (error) {
    await discard(disk, temporary, made, order)
    throw error
  }
}

async function clear(disk: Disk, temporary: string): Promise<void> {
  if (!disk.lstat(temporary)) return
  try {
    await removeIfThere(disk, temporary)
  } catch (cause) {
    throw new Error(`${temporary} is in the way: ${reasonOf(cause)}`, { cause })
  }
}

function lookAt(disk: Disk, path: string): FileStatus | undefined {
  try {
    return disk.lstat(path)
  } catch (cause) {
    throw new DirectoryError(reasonOf(cause), { cause })
  }
}

function create(disk: Disk, temporary: string, { mode, uid, gid }: FileStatus): number {
  try {
    return disk.create(temporary, { mode: mode & 0o7777, uid, gid })
  } catch (cause) {
    if (NAME_IS_WRONG.has(systemCode(cause))) throw cause
    throw new DirectoryError(reasonOf(cause), { cause })
  }
}

/** Replaces nothing but what stood there before, and was found to have nothing of its own. */
function rename(
  disk: Disk,
  temporary: string,
  path: string,
  { made, there }: { made: FileStatus; there: FileStatus | undefined },
): void {
  if (!isSame(disk.lstat(temporary), made)) throw new Error(`${temporary} was replaced`)
  const now = disk.lstat(path)
  if (now && !isSame(there, now)) throw new Error(`${path} came in between`)
  try {
    disk.rename(temporary, path)
  } catch (error) {
    // It may have taken effect all the same: network file systems repeat requests.
    if (!isSame(disk.lstat(path), made)) throw error
  }
}

function isSame(one: FileStatus | undefined, other: FileStatus): boolean {
  return one !== undefined && sameFile(one, other)
}

/** What stands at the temporary path by now may be somebody else's. */
async function discard(
  disk: Disk,
  temporary: string,
  made: FileStatus | undefined,
  order: ArchiveOrder,
): Promise<void> {
  try {
    const left = disk.lstat(temporary)
    if (left && (!made || sameFile(left, made))) await removeIfThere(disk, temporary)
  } catch (error) {
    order.leftBehind(temporary, error)
  }
}

/** Steps 8 and 9. Where somebody else took the source away by now, its archive is there. */
async function removeSource(disk: Disk, path: string, source: FileStatus): Promise<void> {
  if (!disk.lstat(path)) return
  expectUnchanged(disk, path, source)
  try {
    await disk.remove(path)
  } catch (error) {
    if (disk.lstat(path)) throw error
  }
}

async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

/** @throws where a path does not have the file any more that was opened there, or not as it was. */
function expectUnchanged(disk: Disk, path: string, source: FileStatus): void {
  const now = disk.lstat(path)
  if (!now) throw new Error('it vanished')
  if (!now.isFile()) throw new Error(NO_FILE)
  if (!sameFile(now, source)) throw new Error('something else was put in its place')
  if (now.size !== source.size) throw new Error('it changed its size')
}
