import type { Backup } from '../backup/backup.js'
import { Catalogue, type Listing } from '../backup/catalogue.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, systemCode } from '../platform/rollkeeper-error.js'
import type { ActiveFile } from '../rotation/rotation-policy.js'

/** What there is of a log. */
export interface LogContents {
  /** Undefined where only backups are there. */
  readonly active: ActiveFile | undefined
  /** Newest first. */
  readonly backups: readonly Backup[]
  /** Holds of backups that are not there; absolute paths. */
  readonly strayHolds: readonly string[]
}

/** A log that rotates while it is being read is read again, at most so often. */
const READINGS_MAX = 5

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
  const { disk, clock } = platform
  try {
    let status = disk.lstat(path)
    if (status && !status.isFile()) throw new Error('it is not a regular file')
    let listing: Listing
    for (let readings = 1; ; readings++) {
      listing = await new Catalogue(disk, path).list()
      const before = status
      status = disk.lstat(path)
      if (sameFile(before, status) || readings === READINGS_MAX) break
    }
    const { backups, strayHolds } = listing
    if (!status && backups.length === 0) throw new Error(NOTHING)
    return { active: status && activeFile(path, status, clock.now()), backups, strayHolds }
  } catch (cause) {
    const why = NO_DIRECTORY.has(systemCode(cause)) ? NOTHING : reasonOf(cause)
    throw new Error(`no log at ${path} (${why})`, { cause })
  }
}
