import { dirname, join } from 'node:path'
import { ARCHIVE_EXTENSION, formatBackupName } from './backup-name.js'

/** A closed file of a log, with its time in its name. */
export interface Backup {
  /** Absolute. */
  readonly path: string
  /** File name without the directory. */
  readonly name: string
  /** When it was closed, from its name. Never from the file's own dates, which copying changes. */
  readonly time: Date
  /** Size of the file, in bytes. */
  readonly bytes: number
  /** Whether it is compressed. */
  readonly archived: boolean
  /** Why it is exempt from pruning, if it is. */
  readonly held?: string
}

/** Where a backup is, and what: all that it takes to find what belongs to it. */
export type BackupFile = Pick<Backup, 'path' | 'archived'>

/** The backup of one time under a log's path, as it is right after its rotation. */
export function plainBackup(path: string, time: Date, bytes: number): Backup {
  const name = formatBackupName(path, time)
  return { path: join(dirname(path), name), name, time, bytes, archived: false }
}

/** Where a backup's archive is, or would be. */
export function archivePath(backup: BackupFile): string {
  return backup.archived ? backup.path : backup.path + ARCHIVE_EXTENSION
}

/** Where a backup was, or is, before it is compressed. */
export function plainPath(backup: BackupFile): string {
  return backup.archived ? backup.path.slice(0, -ARCHIVE_EXTENSION.length) : backup.path
}
