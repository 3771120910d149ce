import type { Backup } from '../backup/backup.js'
import { Catalogue, type Listing } from '../backup/catalogue.js'
import type { Clock } from '../platform/clock.js'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, systemCode } from '../platform/rollkeeper-error.js'
import type { ActiveFile } from '../rotation/rotation-policy.js'
import { report } from './report.js'

/** What there is of a log. */
export interface LogContents {
  /** Undefined where only backups are there. */
  readonly active: ActiveFile | undefined
  /** Newest first. */
  readonly backups: readonly Backup[]
  /** Holds of backups that are not there; absolute paths. */
  readonly strayHolds: readonly string[]
}

/** How often a log is read at most that rotates meanwhile. */
const READINGS_MAX = 5

const EMPTY: Listing = {
  backups: [],
  strayHolds: [],
  temporaries: [],
  privateNumbers: [],
  strangers: [],
}

/** How the system says that the directory is not there. */
const NO_DIRECTORY: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Looks what there is of a log, and changes nothing: it is not opened, so it may be in use.
 *
 * @param path the active file, absolute.
 * @throws Error for a person to read, where there is neither the file nor a backup, where something
 *   else than a file stands at the path, and where the system refuses.
 */
export async function readContents(platform: Platform, path: string): Promise<LogContents> {
  const { status, listing } = await readAtRest(platform.disk, path)
  const { backups, strayHolds } = listing
  if (status && !status.isFile()) throw new Error(`no log at ${path}: it is not a regular file`)
  if (!status && backups.length === 0) {
    throw new Error(`no log at ${path}: there is no such file, and no backup of it`)
  }
  return { active: status && activeFile(path, status, platform.clock), backups, strayHolds }
}

/** Says which holds hold nothing: whoever made one may think that it does. */
export function reportStrayHolds({ strayHolds }: LogContents): void {
  for (const path of strayHolds) report(`${path} holds nothing: there is no such backup`)
}

/** A rotation in between would show a file twice, or not at all. */
async function readAtRest(
  disk: Disk,
  path: string,
): Promise<{ status: FileStatus | undefined; listing: Listing }> {
  try {
    for (let left = READINGS_MAX; ; left--) {
      const before = disk.lstat(path)
      const listing = await new Catalogue(disk, path).list()
      const status = disk.lstat(path)
      const isSame = before && status ? sameFile(before, status) : before === status
      if (isSame || left === 1) return { status, listing }
    }
  } catch (cause) {
    if (NO_DIRECTORY.has(systemCode(cause))) {
      return { status: undefined, listing: EMPTY }
    }
    throw new Error(`cannot read the log at ${path} (${reasonOf(cause)})`, { cause })
  }
}

function activeFile(path: string, { birthtimeMs, size }: FileStatus, clock: Clock): ActiveFile {
  const openedAtMs = birthtimeMs > 0 ? birthtimeMs : clock.now() // not all file systems know it
  return { path, openedAt: new Date(openedAtMs), bytes: size }
}
