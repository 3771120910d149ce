import { basename, dirname, join, resolve } from 'node:path'
import type { BackupFile } from '../backup/backup.js'
import { formatBackupName, parseBackupName } from '../backup/backup-name.js'
import type { Disk } from '../platform/disk.js'
import { activePathsOf, parseLogPath } from './log-path.js'
import { UsageError } from './report.js'

/** A backup that was named on the command line; nothing says yet that it is there. */
export interface NamedBackup extends BackupFile {
  /** The active file of its log. */
  readonly active: string
}

/**
 * Reads arguments that begin with backups: the paths of some, or the path of a log and the names of
 * some of its backups.
 *
 * @param disk tells which of two logs is there, where a name could be a backup of either.
 * @returns the backups, at least one, and the arguments behind them.
 * @throws UsageError.
 */
export function parseBackupArguments(
  disk: Disk,
  words: readonly string[],
): { backups: NamedBackup[]; rest: string[] } {
  const [first = '', ...others] = words
  if (activePathsOf(first).length > 0) return takeWhile(words, word => parsePath(disk, word))
  const active = parseLogPath(first)
  const { backups, rest } = takeWhile(others, word => parseName(active, word))
  if (backups.length > 0) return { backups, rest }
  const example = formatBackupName(active, new Date('2016-09-07T13:03:57.400Z'))
  const expected = `the file of a backup, or a log and its backups, such as ${example} of ${active}`
  throw UsageError.badValue('backup', expected, words.slice(0, 2).join(' '))
}

function takeWhile(
  words: readonly string[],
  parse: (word: string) => NamedBackup | undefined,
): { backups: NamedBackup[]; rest: string[] } {
  const backups: NamedBackup[] = []
  for (const word of words) {
    const backup = parse(word)
    if (!backup) break
    backups.push(backup)
  }
  return { backups, rest: words.slice(backups.length) }
}

function parsePath(disk: Disk, word: string): NamedBackup | undefined {
  const path = resolve(word)
  const actives = activePathsOf(path)
  const active = actives.find(one => disk.lstat(one)) ?? actives[0]
  return active === undefined ? undefined : namedBackup(active, path)
}

function parseName(active: string, word: string): NamedBackup | undefined {
  if (activePathsOf(word).length === 0) return undefined
  const path = word.includes('/') ? resolve(word) : join(dirname(active), word)
  const backup = dirname(path) === dirname(active) ? namedBackup(active, path) : undefined
  if (backup) return backup
  throw new UsageError(`backup: ${word} is none of ${active}`)
}

function namedBackup(active: string, path: string): NamedBackup | undefined {
  const parsed = parseBackupName(active, basename(path))
  return parsed && { active, path, archived: parsed.archived }
}
