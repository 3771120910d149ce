import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fs from 'fs-extra'
import type { Backup } from '../../lib/backup/backup.js'
import { parseBackupName } from '../../lib/backup/backup-name.js'

/** Lists a log's backups, newest first, an archive beside its source not counted. */
export function archivable(path: string): Backup[] {
  const byTime = new Map<number, Backup>()
  for (const name of fs.readdirSync(dirname(path)).sort()) {
    const parsed = name === basename(path) ? undefined : parseBackupName(path, name)
    const file = join(dirname(path), name)
    const status = fs.lstatSync(file, { throwIfNoEntry: false })
    if (!parsed || !status?.isFile() || byTime.has(parsed.time.getTime())) continue
    byTime.set(parsed.time.getTime(), { path: file, name, ...parsed, bytes: status.size })
  }
  return [...byTime.values()].sort((one, other) => +other.time - +one.time)
}

/**
 * What a backup holds, by its path before it was compressed: read from its source if that is there,
 * else from its archive, which has to be whole.
 */
export function readBackup(source: string): Buffer {
  if (fs.existsSync(source)) return fs.readFileSync(source)
  return gunzipSync(fs.readFileSync(`${source}.gz`))
}
