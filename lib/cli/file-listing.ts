import { basename } from 'node:path'
import type { Backup } from '../backup/backup.js'
import { formatAge } from './age-text.js'
import { formatSize } from './size-text.js'
import { tabbedLines, tableLines, type Column } from './table.js'

/** A file of a log, as one row of a listing. */
export interface ListedFile {
  /** Absolute. */
  readonly path: string
  readonly bytes: number
  /** What its age counts from. */
  readonly time: Date
  readonly state: 'active' | 'backup' | 'archive'
  /** What else there is to say of it; empty for nothing. */
  readonly note: string
}

const COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'SIZE', align: 'right' },
  { title: 'AGE' },
  { title: 'STATE' },
]

/** A backup as a row of a listing. */
export function listedBackup(backup: Backup, note: string): ListedFile {
  const { path, bytes, time, archived } = backup
  return { path, bytes, time, state: archived ? 'archive' : 'backup', note }
}

/**
 * A listing for people: names, sizes and ages as they are said, under titles.
 *
 * @param noteTitle what the notes are. Where there are none, they have no column.
 * @param nowMs the time to count ages to.
 * @param total the last row: its words for the names, and for the notes.
 */
export function listForPeople(
  files: readonly ListedFile[],
  noteTitle: string,
  nowMs: number,
  total?: readonly [what: string, note: string],
): Iterable<string> {
  const rows = files.map(({ path, bytes, time, state, note }) => [
    basename(path),
    formatSize(bytes),
    formatAge(nowMs - time.getTime()),
    state,
    note,
  ])
  if (total) rows.push([total[0], formatSize(totalBytes(files)), '', '', total[1]])
  const isNoted = files.some(({ note }) => note !== '')
  return tableLines(isNoted ? [...COLUMNS, { title: noteTitle }] : COLUMNS, rows)
}

/** A listing for programs: path, bytes, time (ISO 8601, UTC), state and note, with tabs between. */
export function* listForPrograms(files: Iterable<ListedFile>): Generator<string> {
  for (const { path, bytes, time, state, note } of files) {
    yield* tabbedLines([[path, String(bytes), time.toISOString(), state, note]])
  }
}

/** Bytes of some files together. */
export function totalBytes(files: Iterable<{ readonly bytes: number }>): number {
  let total = 0
  for (const { bytes } of files) total += bytes
  return total
}

/** A number of things in words: `1 file`, `2 files`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
