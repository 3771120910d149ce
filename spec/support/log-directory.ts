import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { parseBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { lockPath } from '../../lib/platform/lock-file.js'

/** The names of a log's backups that are on the disk, oldest first. */
export function backupNames(path: string): string[] {
  const names = fs.readdirSync(dirname(path)).filter(name => parseBackupName(path, name))
  return names.sort((one, other) => timeOf(path, one) - timeOf(path, other))
}

/** All that a log holds: its backups, oldest first, archives unpacked, then the active file. */
export function readLog(path: string): string {
  const names = backupNames(path)
  const isWhole = (name: string): boolean =>
    !isArchive(path, name) || !names.includes(name.slice(0, -'.gz'.length))
  const files = [...names.filter(isWhole), basename(path)]
  return files.map(name => readIfThere(path, name).toString('utf8')).join('')
}

/** The lines of `readLog`, without their ends. */
export function readLines(path: string): string[] {
  const text = readLog(path)
  return text === '' ? [] : text.slice(0, -1).split('\n')
}

/**
 * Expects of a directory what always holds there: nothing but the active file, its backups, the
 * holds of backups that are there, the lock while somebody has it, and the names given; all regular
 * files, each record ending at a line end.
 */
export function expectSoundDirectory(path: string, others: readonly string[] = []): void {
  const names = fs.readdirSync(dirname(path))
  for (const name of names) {
    if (others.includes(name)) continue
    expect(fs.lstatSync(join(dirname(path), name)).isFile(), `${name} is a regular file`).to.be.ok
    if (isHoldOf(path, name, names)) continue
    if (join(dirname(path), name) === lockPath(path) && isLocked(path)) continue
    expect(name === basename(path) || parseBackupName(path, name), `a stranger: ${name}`).to.be.ok
    const text = readIfThere(path, name).toString('latin1')
    expect(text === '' || text.endsWith('\n'), `${name} ends at a line end`).to.equal(true)
  }
}

/** Whether a name is the hold of a backup that is there, as itself or as its archive. */
function isHoldOf(path: string, name: string, names: readonly string[]): boolean {
  if (!name.endsWith('.hold')) return false
  const held = name.slice(0, -'.hold'.length)
  if (!parseBackupName(path, held)) return false
  const plain = isArchive(path, held) ? held.slice(0, -'.gz'.length) : held
  return names.includes(plain) || names.includes(`${plain}.gz`)
}

/** Whether somebody has the lock of a log, as the kernel says. */
function isLocked(path: string): boolean {
  const fd = fs.openSync(lockPath(path), 'r')
  const answer = systemDisk.lock(fd)
  fs.closeSync(fd)
  return answer !== 'ours'
}

function readIfThere(path: string, name: string): Buffer {
  const file = join(dirname(path), name)
  if (!fs.existsSync(file)) return Buffer.alloc(0)
  const bytes = fs.readFileSync(file)
  return isArchive(path, name) ? gunzipSync(bytes) : bytes
}

function isArchive(path: string, name: string): boolean {
  return parseBackupName(path, name)?.archived ?? false
}

function timeOf(path: string, name: string): number {
  return parseBackupName(path, name)?.time.getTime() ?? NaN
}
