/**
 * What is done about rotations that did not end: a crash, a loss of power or an error came in
 * between. Each file that still has a private name
 *
 *     1. gets its torn tail closed off, and is synced,
 *     2. gets its backup name, unless it has one or is the active file again,
 *
 * and when the directory is synced, its private name goes.
 */
import { dirname } from 'node:path'
import { plainBackup } from '../backup/backup.js'
import { privatePath } from '../backup/private-name.js'
import { closeTornTail } from '../backup/torn-tail.js'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'
import { nameBackup, type LogState } from './rotation.js'

/** What was found to do when a log was opened. */
export interface Recovery {
  /** Rotations that were finished. */
  readonly finished: number
  /** Bytes of torn tails that were closed off. */
  readonly tornBytes: number
}

/** A rotation that did not end. */
interface Leftover {
  readonly number: number
  readonly path: string
  readonly status: FileStatus
}

/**
 * Finishes the rotations that did not end.
 *
 * @throws what the file system throws; those that are left are finished the next time.
 */
export function finishRotations(disk: Disk, state: LogState): Recovery {
  const { path, names } = state
  const done: Leftover[] = []
  for (const number of names.leftovers) {
    const leftover = lookAt(disk, path, number)
    if (leftover) done.push(leftover)
    else names.forget(number) // nothing, or something of somebody else
  }
  if (done.length === 0) return { finished: 0, tornBytes: 0 }
  done.sort(laterFirst)
  const tornBytes = nameAll(disk, state, done)
  disk.syncDirectoryNow(dirname(path))
  for (const { number, path: hidden, status } of done) {
    const left = disk.lstat(hidden) // without links it was renamed
    if (left && sameFile(left, status)) disk.unlink(hidden)
    names.forget(number)
  }
  return { finished: done.length, tornBytes }
}

/**
 * Closes off torn tails, and names the files in the order of their rotations.
 *
 * @param leftovers the last one first.
 * @returns bytes of torn tails.
 */
function nameAll(disk: Disk, state: LogState, leftovers: readonly Leftover[]): number {
  let tornBytes = 0
  const allTimes = state.times.newestFirst()
  let times = allTimes
  const named = leftovers
    .filter(({ status }) => !isActiveFile(disk, state.path, status))
    .map(leftover => {
      const isIt = (time: number): boolean => isBackup(disk, state.path, time, leftover.status)
      const place = times.findIndex(isIt) // as a rule the first one
      const time = times[place] ?? allTimes.find(isIt)
      times = times.slice(place + 1)
      const hasOtherNames = leftover.status.nlink > (time === undefined ? 1 : 2)
      if (!hasOtherNames) tornBytes += closeTail(disk, leftover) // nobody knows where they are
      return { path: leftover.path, time }
    })
  const last = named.findIndex(({ time }) => time !== undefined)
  const newest = last === -1 ? named.splice(0) : named.splice(0, last)
  for (const { path } of newest.toReversed()) nameBackup(disk, state, path)
  let before: number | undefined
  for (const { path, time } of named) {
    before = time ?? nameBackup(disk, state, path, before).time.getTime()
  }
  return tornBytes
}

/**
 * Whether the active file is a backup too: its rotation has begun, but loss of power took the
 * private name, as it may take any part of what was not synced.
 */
export function isHalfRotated(disk: Disk, { path, times }: LogState): boolean {
  const active = disk.lstat(path)
  return !!active && times.newestFirst().some(time => isBackup(disk, path, time, active))
}

/**
 * A file is made when the one before it is rotated, so their births tell their order, and numbers
 * that of files born in one tick of the clock. Numbers alone would not: after power loss names may be
 * there again that an earlier opener had freed.
 */
function laterFirst(one: Leftover, other: Leftover): number {
  return other.status.birthtimeMs - one.status.birthtimeMs || other.number - one.number
}

function lookAt(disk: Disk, path: string, number: number): Leftover | undefined {
  const hidden = privatePath(path, number)
  const status = disk.lstat(hidden)
  return status?.isFile() ? { number, path: hidden, status } : undefined
}

function closeTail(disk: Disk, { path, status }: Leftover): number {
  const fd = disk.openExisting(path)
  try {
    const opened = disk.fstat(fd)
    if (!sameFile(opened, status) || opened.nlink !== status.nlink) {
      throw new Error(`somebody replaced ${path} in this moment`)
    }
    const tornBytes = closeTornTail(disk, fd, status.size)
    disk.datasyncNow(fd)
    return tornBytes
  } finally {
    disk.close(fd)
  }
}

/** It was put back, and only its private name stayed. */
function isActiveFile(disk: Disk, path: string, file: FileStatus): boolean {
  const active = file.nlink > 1 ? disk.lstat(path) : undefined
  return active !== undefined && sameFile(active, file)
}

/** Whether a file has the backup name of this time. Links that somebody else made do not count. */
function isBackup(disk: Disk, path: string, time: number, file: FileStatus): boolean {
  if (file.nlink === 1) return false
  const there = disk.lstat(plainBackup(path, new Date(time), 0).path)
  return there !== undefined && sameFile(there, file)
}
