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

/** `d` is a digit. */
const STAMP_FORM = 'dddd-dd-ddTdd-dd-dd.ddd'
const STAMP_LENGTH = STAMP_FORM.length

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
  const read = new NameReader(path).read(name)
  return read && { time: new Date(read.timeMs), archived: read.archived }
}

/** Reads names of one log's backups, very many of them, and leaves little behind for each. */
export class NameReader {
  readonly #start: string
  readonly #extension: string

  /** @param path the active file. */
  constructor(path: string) {
    const [base, extension] = splitName('parseBackupName(path)', path)
    this.#start = `${base}-`
    this.#extension = extension
  }

  /** As `parseBackupName`, with the time in milliseconds. */
  read(name: string): { timeMs: number; archived: boolean } | undefined {
    const stampAt = this.#start.length
    const extensionAt = stampAt + STAMP_LENGTH
    const plainLength = extensionAt + this.#extension.length
    const archived = name.length !== plainLength
    if (archived && name.length !== plainLength + ARCHIVE_EXTENSION.length) return undefined
    if (archived && !name.endsWith(ARCHIVE_EXTENSION)) return undefined
    if (!name.startsWith(this.#start) || !name.startsWith(this.#extension, extensionAt)) {
      return undefined
    }
    const timeMs = readStamp(name, stampAt)
    return timeMs === undefined ? undefined : { timeMs, archived }
  }
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

/** The time of a stamp, in milliseconds, if it is one and there is such a time. */
function readStamp(text: string, at: number): number | undefined {
  for (let index = 0; index < STAMP_LENGTH; index++) {
    const code = text.charCodeAt(at + index)
    const form = STAMP_FORM.charCodeAt(index)
    if (form === DIGIT ? code < ZERO || code > NINE : code !== form) return undefined
  }
  const year = readDigits(text, at, 4)
  const month = readDigits(text, at + 5, 2)
  const day = readDigits(text, at + 8, 2)
  const hours = readDigits(text, at + 11, 2)
  const minutes = readDigits(text, at + 14, 2)
  const seconds = readDigits(text, at + 17, 2)
  // `Date` takes February 30 for March 1, and 24:00 for the next day: neither was ever written.
  if (day < 1 || day > daysOf(year, month) || hours > 23 || minutes > 59 || seconds > 59) {
    return undefined
  }
  // And years before 100 for years of the century before last; 400 years have as many days always.
  const shifted = Date.UTC(year + 400, month - 1, day, hours, minutes, seconds)
  return shifted - FOUR_CENTURIES_MS + readDigits(text, at + 20, 3)
}

const DIGIT = 'd'.charCodeAt(0)
const ZERO = '0'.charCodeAt(0)
const NINE = '9'.charCodeAt(0)

const FOUR_CENTURIES_MS = 146_097 * 86_400_000

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** None, where there is no such month. */
function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0)
}

function readDigits(text: string, at: number, count: number): number {
  let number = 0
  for (let index = at; index < at + count; index++) {
    number = number * 10 + text.charCodeAt(index) - ZERO
  }
  return number
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
