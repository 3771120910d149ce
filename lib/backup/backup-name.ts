import { basename } from 'node:path'
import { outOfRange, wrongType } from '../arguments/argument-error.js'

/** Ending of a compressed backup. */
export const ARCHIVE_EXTENSION = '.gz'

/** What a backup's name says of it. */
export interface BackupName {
  /** When the file was closed: UTC, to the millisecond. */
  readonly time: Date
  /** Whether it is an archive, a compressed backup. */
  readonly archived: boolean
}

/** The last time that a name can tell, in milliseconds. */
export const LATEST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const STAMP = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/
const STAMP_LENGTH = '2016-09-07T13-03-57.400'.length

/**
 * The name that a log's backup of a given time has: the time, in UTC with milliseconds, before the
 * last extension. The same names as lumberjack's (https://github.com/natefinch/lumberjack), where
 * it is not told to use local time.
 *
 *     formatBackupName('logs/audit.log', new Date('2016-09-07T13:03:57.400Z'))
 *     // 'audit-2016-09-07T13-03-57.400.log'
 *
 * @param path the active file. Its directory does not matter.
 * @param time of a year from 0 to 9999.
 * @returns a file name without a directory.
 * @throws TypeError for another type, RangeError for a time that a name cannot tell.
 */
export function formatBackupName(path: string, time: Date): string {
  const [base, extension] = splitName('formatBackupName(path)', path)
  if (!(time instanceof Date)) throw wrongType('formatBackupName(time)', 'a Date', time)
  const year = time.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) {
    throw outOfRange('formatBackupName(time)', 'a valid Date of a year from 0 to 9999', time)
  }
  return `${base}-${time.toISOString().slice(0, STAMP_LENGTH).replaceAll(':', '-')}${extension}`
}

/**
 * Reads a name of a log's backup: the exact inverse of `formatBackupName`, with or without the
 * `.gz` of an archive. This alone decides what retention may ever touch, so the whole name has to
 * parse, and to a time that exists.
 *
 *     parseBackupName('logs/audit.log', 'audit-2016-09-07T13-03-57.400.log.gz')
 *     // { time: 2016-09-07T13:03:57.400Z, archived: true }
 *
 * @param path the active file. Its directory does not matter.
 * @param name a file name without a directory.
 * @returns undefined for everything that is not a name of this log's backups.
 * @throws TypeError for another type.
 */
export function parseBackupName(path: string, name: string): BackupName | undefined {
  if (typeof name !== 'string') throw wrongType('parseBackupName(name)', 'a file name', name)
  const [base, extension] = splitName('parseBackupName(path)', path)
  const stampAt = base.length + 1
  const extensionAt = stampAt + STAMP_LENGTH
  if (!name.startsWith(`${base}-`) || !name.startsWith(extension, extensionAt)) return undefined

  const rest = name.slice(extensionAt + extension.length)
  if (rest !== '' && rest !== ARCHIVE_EXTENSION) return undefined
  const time = parseStamp(name.slice(stampAt, extensionAt))
  return time && { time, archived: rest === ARCHIVE_EXTENSION }
}

/**
 * The log whose names a log's could be taken for, if there is any: archives of `audit` and backups
 * of `audit.gz` are called alike.
 */
export function rivalPath(path: string): string | undefined {
  const archived = path.endsWith(ARCHIVE_EXTENSION)
  const plain = archived ? path.slice(0, -ARCHIVE_EXTENSION.length) : path
  if (basename(plain).includes('.')) return undefined
  return archived ? plain : path + ARCHIVE_EXTENSION
}

function parseStamp(stamp: string): Date | undefined {
  if (!STAMP.test(stamp)) return undefined
  const iso = `${stamp.slice(0, 10)}T${stamp.slice(11).replaceAll('-', ':')}Z`
  const time = new Date(iso)
  // `Date` takes February 30 for March 1, and 24:00 for the next day: neither was ever written.
  return !Number.isNaN(time.getTime()) && time.toISOString() === iso ? time : undefined
}

/**
 * Cuts a file name before its extension, by the rule of Go's `filepath.Ext`: from the last dot on,
 * also where the name begins with it (https://pkg.go.dev/path/filepath#Ext).
 */
function splitName(argument: string, path: string): [base: string, extension: string] {
  if (typeof path !== 'string' || path === '') {
    throw wrongType(argument, 'the path of the active file', path)
  }
  const name = basename(path)
  const dot = name.lastIndexOf('.')
  return dot === -1 ? [name, ''] : [name.slice(0, dot), name.slice(dot)]
}
