import { basename, dirname, join } from 'node:path'
import type { Disk } from '../platform/disk.js'
import { ARCHIVE_EXTENSION, formatBackupName, parseBackupName } from './backup-name.js'

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

/** Files that are looked at before other work gets its turn: about half a millisecond. */
const LOOKS_AT_ONCE = 128

/** Lists a log's backups, newest first. Foreign files are passed over; so is what vanishes. */
export async function listBackups(disk: Disk, path: string): Promise<Backup[]> {
  const found = await findBackups(disk, path)
  found.sort((one, other) => other.time.getTime() - one.time.getTime())
  const backups: Backup[] = []
  for (const [index, backup] of found.entries()) {
    if (index % LOOKS_AT_ONCE === LOOKS_AT_ONCE - 1) await new Promise(setImmediate)
    const status = disk.lstat(backup.path)
    if (status?.isFile()) backups.push({ ...backup, bytes: status.size })
  }
  return backups
}

/** The backup of one time under a log's path, as it is right after its rotation. */
export function plainBackup(path: string, time: Date, bytes: number): Backup {
  const name = formatBackupName(path, time)
  return { path: join(dirname(path), name), name, time, bytes, archived: false }
}

/** Where a backup's archive is, or would be. */
export function archivePath(backup: Pick<Backup, 'path' | 'archived'>): string {
  return backup.archived ? backup.path : backup.path + ARCHIVE_EXTENSION
}

/**
 * The time of a log's newest backup, in milliseconds, or undefined when it has none. Reads the
 * directory in one go: only for a rotation that cannot wait until the first listing is there.
 */
export function newestBackupTime(disk: Disk, path: string): number | undefined {
  let newest: number | undefined
  for (const name of disk.namesNow(dirname(path))) {
    const time = parseBackupName(path, name)?.time.getTime()
    if (time !== undefined && !(time <= (newest ?? -Infinity))) newest = time
  }
  return newest
}

/** An archive beside its source is half-made, or its source half-removed: the pair counts once. */
async function findBackups(disk: Disk, path: string): Promise<Omit<Backup, 'bytes'>[]> {
  const directory = dirname(path)
  const byTime = new Map<number, Omit<Backup, 'bytes'>>()
  for await (const { name, regular } of disk.entries(directory)) {
    if (regular === false || name === basename(path)) continue
    const parsed = parseBackupName(path, name)
    if (!parsed) continue
    if (regular === undefined && !disk.lstat(join(directory, name))?.isFile()) continue
    const time = parsed.time.getTime()
    if (parsed.archived && byTime.has(time)) continue
    byTime.set(time, { path: join(directory, name), name, ...parsed })
  }
  return [...byTime.values()]
}
