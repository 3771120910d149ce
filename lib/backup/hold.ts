import { basename, dirname, join } from 'node:path'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'
import { reasonOf, systemCode } from '../platform/rollkeeper-error.js'
import { archivePath, plainPath, type BackupFile } from './backup.js'

/** Ending of the file that exempts a backup from pruning; its text says why. */
export const HOLD_EXTENSION = '.hold'

/** A backup that is there, to be held. */
export interface HeldFile extends BackupFile {
  readonly status: FileStatus
}

/** Longest reason that is read, in bytes. */
const REASON_MAX_BYTES = 4096

/** What a hold says that says nothing. */
const NO_REASON = 'no reason given'

/**
 * Where the holds of a backup may be: beside the backup as it is, and beside what it was before it
 * was compressed, or may become.
 */
export function holdPaths(backup: BackupFile): [string, string] {
  return [plainPath(backup) + HOLD_EXTENSION, archivePath(backup) + HOLD_EXTENSION]
}

/** Whether a backup is held at this moment. Whatever stands under the name of a hold is one. */
export function isHeld(disk: Disk, backup: BackupFile): boolean {
  return holdPaths(backup).some(path => disk.lstat(path) !== undefined)
}

/** Why a hold is there, in its own words; never fails, since an unreadable hold holds as well. */
export function readHold(disk: Disk, path: string): string {
  try {
    const fd = disk.openToRead(path)
    try {
      const text = Buffer.alloc(REASON_MAX_BYTES)
      const reason = text.toString('utf8', 0, disk.read(fd, text, 0)).trim()
      return reason === '' ? NO_REASON : reason
    } finally {
      disk.close(fd)
    }
  } catch (error) {
    return `the reason cannot be read (${systemCode(error) ?? String(error)})`
  }
}

/** Looks for a backup under both of its names. */
export function findBackup(disk: Disk, backup: BackupFile): HeldFile | undefined {
  // In this order: while it is compressed, at no moment is there neither of them.
  for (const archived of [false, true]) {
    const path = archived ? archivePath(backup) : plainPath(backup)
    const status = disk.lstat(path)
    if (status?.isFile()) return { path, archived, status }
  }
  return undefined
}

/**
 * Makes a hold, or gives one another reason. At no moment is there half of it, or none where there
 * was one.
 *
 *     create `.<active>.hold`, write, fdatasync, rename to `<backup>.hold`, fsync directory
 *
 * A hold that the backup has under its other name goes last: it may say something else. Resolved:
 * it is on stable storage.
 *
 * @param active the log's active file.
 * @param backup the file to hold, as it is now: the hold gets its mode and owner.
 */
export async function writeHold(
  disk: Disk,
  active: string,
  backup: HeldFile,
  why: string,
): Promise<void> {
  const { mode, uid, gid } = backup.status
  const path = backup.path + HOLD_EXTENSION
  const temporary = join(dirname(active), `.${basename(active)}${HOLD_EXTENSION}`)
  clear(disk, temporary)
  const fd = disk.create(temporary, { mode: mode & 0o7777, uid, gid })
  let made: FileStatus | undefined
  const isOurs = (): boolean => {
    const there = disk.lstat(temporary)
    return there !== undefined && made !== undefined && sameFile(there, made)
  }
  try {
    made = disk.fstat(fd)
    const text = Buffer.from(`${why}\n`)
    for (let at = 0; at < text.length;) {
      const taken = disk.write(fd, text, at, text.length - at)
      if (taken === 0) throw new Error('the write took nothing')
      at += taken
    }
    await disk.datasync(fd)
    if (!isOurs()) throw new Error('another process made a hold in this moment')
    disk.rename(temporary, path)
  } catch (error) {
    if (isOurs()) disk.unlink(temporary)
    throw error
  } finally {
    disk.close(fd)
  }
  await disk.syncDirectory(dirname(active))
  const others = holdPaths(backup).filter(other => other !== path)
  await removeFiles(disk, others)
}

/** Removes what a crash left of an earlier one, or somebody put there; links are not followed. */
function clear(disk: Disk, temporary: string): void {
  if (!disk.lstat(temporary)) return
  try {
    disk.unlink(temporary)
  } catch (cause) {
    throw new Error(`${temporary} is in the way: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * Removes the holds of a backup. Resolved: they are gone, on stable storage.
 *
 * @returns whether there was one.
 */
export function removeHolds(disk: Disk, backup: BackupFile): Promise<boolean> {
  return removeFiles(disk, holdPaths(backup))
}

async function removeFiles(disk: Disk, paths: readonly string[]): Promise<boolean> {
  const there = paths.filter(path => disk.lstat(path) !== undefined)
  for (const path of there) disk.unlink(path)
  if (there[0] !== undefined) await disk.syncDirectory(dirname(there[0]))
  return there.length > 0
}
