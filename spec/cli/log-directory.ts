import fs from 'fs-extra'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
