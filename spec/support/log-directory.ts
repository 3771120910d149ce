import { basename, dirname, join } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { parseBackupName } from '../../lib/backup/backup-name.js'

/** The names of a log's backups that are on the disk, oldest first. */
export function backupNames(path: string): string[] {
  const names = fs.readdirSync(dirname(path)).filter(name => parseBackupName(path, name))
  return names.sort((one, other) => timeOf(path, one) - timeOf(path, other))
}

/** All that a log holds: its backups, oldest first, then the active file. */
export function readLog(path: string): string {
  const files = [...backupNames(path).map(name => join(dirname(path), name)), path]
  return files.map(file => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')).join('')
}

/** The lines of `readLog`, without their ends. */
export function readLines(path: string): string[] {
  const text = readLog(path)
  return text === '' ? [] : text.slice(0, -1).split('\n')
}

/**
 * Expects of a directory what always holds there: nothing but the active file, its backups and the
 * names given, all regular files, each ending at a line end.
 */
export function expectSoundDirectory(path: string, others: readonly string[] = []): void {
  for (const name of fs.readdirSync(dirname(path))) {
    if (others.includes(name)) continue
    expect(name === basename(path) || parseBackupName(path, name), `a stranger: ${name}`).to.be.ok
    const file = join(dirname(path), name)
    expect(fs.lstatSync(file).isFile(), `${name} is a regular file`).to.equal(true)
    const text = fs.readFileSync(file, 'latin1')
    expect(text === '' || text.endsWith('\n'), `${name} ends at a line end`).to.equal(true)
  }
}

function timeOf(path: string, name: string): number {
  return parseBackupName(path, name)?.time.getTime() ?? NaN
}
