import { basename, dirname, join, resolve } from 'node:path'
import { ARCHIVE_EXTENSION, formatBackupName, parseBackupName } from '../backup/backup-name.js'
import { UsageError } from './report.js'

const STAMP_LENGTH = formatBackupName('x', new Date(0)).length - 'x-'.length

/**
 * Reads the argument that says which log: the path of its active file, which need not be there.
 *
 * @returns an absolute path.
 * @throws UsageError, also for the path of a backup.
 */
export function parseLogPath(text: string): string {
  if (text === '' || text.endsWith('/')) {
    throw UsageError.badValue('path', 'the path of a log, which is a file', text)
  }
  const path = resolve(text)
  const [active] = activePathsOf(path)
  if (active === undefined) return path
  throw new UsageError(`path: ${text} is a backup; give the log's own file, ${active}`)
}

/**
 * The logs that a file is a backup of, by its name: mostly one. None for what is not named like a
 * backup; two for `audit-<time>.gz`, an archive of `audit` or a backup of `audit.gz`.
 */
export function activePathsOf(backup: string): string[] {
  const name = basename(backup)
  const names = new Set<string>()
  for (let dash = name.indexOf('-'); dash !== -1; dash = name.indexOf('-', dash + 1)) {
    const ending = name.slice(dash + 1 + STAMP_LENGTH)
    const endings = ending.endsWith(ARCHIVE_EXTENSION)
      ? [ending.slice(0, -ARCHIVE_EXTENSION.length), ending]
      : [ending]
    for (const extension of endings) {
      const active = name.slice(0, dash) + extension
      if (active !== '' && parseBackupName(active, name)) names.add(active)
    }
  }
  return [...names].map(active => join(dirname(backup), active))
}
