import fs from 'fs-extra'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { listBackups } from '../../lib/backup/catalogue.js'
import { systemDisk } from '../../lib/platform/disk.js'

/** A fresh temporary directory for the files of one log. */
export function makeDirectory(): string {
  return fs.mkdtempSync(join(tmpdir(), 'rollkeeper-cli-'))
}

/** The text of a log: its backups from oldest to newest, then the active file. */
export async function readLog(path: string): Promise<string> {
  const backups = await listBackups(systemDisk, path)
  const paths = [...backups.map(backup => backup.path).toReversed(), path]
  return paths.map(file => fs.readFileSync(file, 'utf8')).join('')
}

/** The text of one file; empty where there is none yet. */
export function readIfThere(path: string): string {
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : ''
}

/** Numbered lines, from one number to another. */
export function numberedLines(first: number, last: number): string {
  let text = ''
  for (let number = first; number <= last; number++) text += `line ${number}\n`
  return text
}

/**
 * Makes a file that is a backup of a log by its name.
 *
 * @param path of the log.
 * @param time in ISO 8601, or a length of time ago, in milliseconds.
 * @param ending `.gz` for an archive; it is none by its content.
 * @returns its path.
 */
export function makeBackup(path: string, time: string | number, bytes = 0, ending = ''): string {
  const closedAt = new Date(typeof time === 'string' ? time : Date.now() - time)
  const backup = join(dirname(path), formatBackupName(path, closedAt) + ending)
  fs.writeFileSync(backup, 'x'.repeat(bytes))
  return backup
}

/** All that can be told of a directory from outside: what reading must leave as it was. */
export function lookOf(directory: string): unknown[] {
  const look = (path: string): unknown => {
    const { ino, size, mtimeNs, ctimeNs } = fs.lstatSync(path, { bigint: true })
    return { path, ino, size, mtimeNs, ctimeNs }
  }
  const names = fs.readdirSync(directory).sort()
  return [look(directory), ...names.map(name => look(join(directory, name)))]
}
