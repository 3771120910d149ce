import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { parseBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk } from '../../lib/platform/disk.js'
import type { Platform } from '../../lib/platform/platform.js'
import { isPiece, linesOf, numberOf, type Entry, type Ledger } from './ledger.js'
import { ManualClock } from './manual-clock.js'
import { findTouchedStrangers, strangersOf } from './strangers.js'

/** What else there is to know of a directory. */
export interface Surroundings {
  /** Names that are not the log's. Planted strangers among them must be as they were planted. */
  readonly others?: readonly string[]
  /** Names that others gave files of the log: their records count. */
  readonly elsewhere?: readonly string[]
}

/**
 * When a directory is looked at: after a fault or a crash, whose traces may be there; or after a
 * healthy log went on there, and was closed.
 */
type Moment = 'after a fault' | 'after a healthy close'

/** A file of the log, with what it holds. */
interface LogFile {
  readonly name: string
  readonly kind: 'elsewhere' | 'backup' | 'private' | 'active'
  readonly bytes: Buffer
}

/** What was found in the files of a log. */
interface Contents {
  /** How often each record is there. */
  readonly counts: ReadonlyMap<number, number>
  readonly problems: readonly string[]
}

/** A line that tells of a gap, and whatever begins like one. */
const GAP = /^\d{4}-\d\d-\d\dT[\d:.]+Z rollkeeper: gap records=\d+ bytes=\d+ why=".*"$/
const GAP_PIECE =
  /^\d{1,4}(?:-[-\dT:.]*(?:Z(?: rollkeeper: gap.*)?)?)?$|^\d{4}-\S+Z ?[a-z: ]{0,15}$/

/** Rejections of records that were never taken: they cannot be missed. */
const NOT_TAKEN = new Set(['ERR_ROLLKEEPER_CLOSED'])

/**
 * Expects of a log what it guarantees, whatever happened to it, and that it goes on:
 *
 * - every acknowledged record is there exactly once; one that was rejected, or whose fate is
 *   unknown, at most once; what is missing was reported; all in their order;
 * - every line is a record, a line that tells of a gap, or a piece of a record, never two glued;
 * - nothing foreign was touched, and every other name is one of the log's;
 * - a healthy log opens there, appends, rotates and closes; after that nothing is left over, no
 *   file ends in a piece, and everything above holds.
 *
 * @param ledger what the log was handed; the healthy log's records are added to it.
 * @param platform of the healthy log. Default: the machine's disk, and a clock that stands still.
 * @throws Error that names everything that is unsound.
 */
export async function expectSoundLog(
  path: string,
  ledger: Ledger,
  surroundings: Surroundings = {},
  platform: Platform = { disk: systemDisk, clock: new ManualClock() },
): Promise<void> {
  expectNothing(findUnsoundness(path, ledger, surroundings, 'after a fault'))
  const trouble = await goOn(path, ledger, platform)
  const problems = findUnsoundness(path, ledger, surroundings, 'after a healthy close')
  expectNothing([...trouble, ...problems].map(problem => `going on: ${problem}`))
}

/** All that is unsound about a log at this moment, one sentence each. */
export function findUnsoundness(
  path: string,
  ledger: Ledger,
  { others = [], elsewhere = [] }: Surroundings,
  moment: Moment,
): string[] {
  const files = readFiles(path, elsewhere)
  const { counts, problems } = readContents(files, ledger, moment)
  return [
    ...problems,
    ...findLost(ledger, counts),
    ...findHalfPruned(path, ledger, counts),
    ...findUnheld(path, ledger),
    ...findStrangeNames(path, [...others, ...elsewhere], moment),
    ...findTouched(path, others),
    ...ledger.defects.map(defect => `defect: ${defect}`),
  ]
}

/** What a healthy log has to complain of. */
async function goOn(path: string, ledger: Ledger, platform: Platform): Promise<string[]> {
  const trouble: string[] = []
  try {
    const log = new FileAppender({ path }, platform)
    log.on('warning', ({ message }) => trouble.push(`a healthy log warns: ${message}`))
    log.on('error', ({ message }) => trouble.push(`a healthy log fails: ${message}`))
    await log.settled()
    const first = ledger.append(log)
    await log.settled()
    await first
    await log.rotate()
    await ledger.append(log)
    await log.close()
    await new Promise(resolve => setImmediate(resolve)) // for the last events
  } catch (error) {
    trouble.push(`a healthy log does not go on: ${String(error)}`)
  }
  return trouble
}

function expectNothing(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/** The files of a log in the order of reading; a file with several names counts once. */
function readFiles(path: string, elsewhere: readonly string[]): LogFile[] {
  const names = namesIn(dirname(path))
  const archives = new Set(names.filter(name => parseBackupName(path, name)?.archived))
  const backups = names
    .filter(name => parseBackupName(path, name) && isRegular(path, name))
    .filter(name => !(archives.has(name) && names.includes(name.slice(0, -'.gz'.length))))
    .sort((one, other) => timeOf(path, one) - timeOf(path, other))
  const inOrder: Omit<LogFile, 'bytes'>[] = [
    ...elsewhere.map(name => ({ name, kind: 'elsewhere' as const })),
    ...backups.map(name => ({ name, kind: 'backup' as const })),
    ...privateNames(path, names).map(name => ({ name, kind: 'private' as const })),
    { name: basename(path), kind: 'active' },
  ]
  const seen = new Map<string, LogFile>()
  for (const { name, kind } of inOrder) {
    const file = join(dirname(path), name)
    const status = fs.lstatSync(file, { throwIfNoEntry: false })
    if (!status?.isFile()) continue
    const identity = `${status.dev}:${status.ino}`
    const known = seen.get(identity)
    const bytes = known?.bytes ?? readBytes(file, archives.has(name))
    // Under a private name, or the active one, its end may be torn, whatever other name it has.
    if (!known || kind !== 'backup') seen.set(identity, { name, kind, bytes })
  }
  return [...seen.values()]
}

function readBytes(file: string, isArchive: boolean): Buffer {
  const bytes = fs.readFileSync(file)
  if (!isArchive) return bytes
  try {
    return gunzipSync(bytes)
  } catch {
    return Buffer.from('an archive without its source, and not whole\n')
  }
}

function readContents(files: readonly LogFile[], ledger: Ledger, moment: Moment): Contents {
  const counts = new Map<number, number>()
  const problems: string[] = []
  const last = ledger.entries.length
  let highest = 0
  for (const { name, kind, bytes } of files) {
    const isTorn = bytes.length > 0 && bytes.at(-1) !== 0x0a
    // What somebody took away while it could not be written, nobody can close off any more.
    const mayBeTorn =
      kind === 'elsewhere' ||
      (moment === 'after a fault' && (kind === 'private' || kind === 'active'))
    if (isTorn && !mayBeTorn) problems.push(`torn: ${name} ends in a piece of a record`)
    const lines = linesOf(bytes)
    // What others moved away lies outside of the order of the files, but has one of its own.
    let before = kind === 'elsewhere' ? 0 : highest
    for (const [index, line] of lines.entries()) {
      const number = isTorn && index === lines.length - 1 ? undefined : numberOf(line)
      if (number === undefined) {
        if (!isAllowed(line, last)) problems.push(`glued or foreign: ${name} has ${shown(line)}`)
        continue
      }
      if (number > last) problems.push(`invented: ${name} has record ${number}`)
      counts.set(number, (counts.get(number) ?? 0) + 1)
      if (number < before) problems.push(`out of order: ${number} comes after ${before} in ${name}`)
      before = Math.max(before, number)
    }
    if (kind !== 'elsewhere') highest = before
  }
  for (const [number, count] of counts) {
    if (count > 1) problems.push(`doubled: record ${number} is there ${count} times`)
  }
  return { counts, problems }
}

function isAllowed(line: Buffer, last: number): boolean {
  const text = line.toString('latin1')
  return isPiece(line, last) || GAP.test(text) || GAP_PIECE.test(text)
}

function shown(line: Buffer): string {
  const text = JSON.stringify(line.toString('latin1'))
  return text.length > 120 ? `${text.slice(0, 80)}…${text.slice(-30)}` : text
}

/** Acknowledged records that are gone, and others that are, though nobody was told. */
function findLost(ledger: Ledger, counts: ReadonlyMap<number, number>): string[] {
  const { acknowledged = 0, unknown = 0, prunable = [] } = ledger.prepared
  const mayBeGone = ({ number }: Entry): boolean =>
    ledger.excused.has(number) ||
    prunable.some(([first, last]) => number >= first && number <= last)
  const missing = ledger.entries.filter(entry => !counts.has(entry.number) && !mayBeGone(entry))
  const problems = missing
    .filter(({ fate }) => fate === 'acknowledged')
    .map(({ number }) => `lost: record ${number} was acknowledged`)
  if (!ledger.hasEnded) return problems
  const told = missing.filter(
    ({ number, fate, code = '' }) =>
      number > Math.max(acknowledged + unknown, ledger.killedUpTo) &&
      fate !== 'acknowledged' &&
      !NOT_TAKEN.has(code),
  )
  if (told.length > ledger.gapRecords) {
    const numbers = told.map(({ number }) => number).join(', ')
    problems.push(`silently lost: of records ${numbers} only ${ledger.gapRecords} were reported`)
  }
  return problems
}

/** Backups that a retention has no right to, and such as it took in part. */
function findHalfPruned(
  path: string,
  { prepared, excused }: Ledger,
  counts: ReadonlyMap<number, number>,
): string[] {
  const problems: string[] = []
  for (const [first, last] of prepared.prunable ?? []) {
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const there = numbers.filter(number => counts.has(number) || excused.has(number))
    if (there.length > 0 && there.length < numbers.length) {
      problems.push(`lost: records ${first} to ${last} were pruned in part`)
    }
  }
  const times = namesIn(dirname(path))
    .filter(name => parseBackupName(path, name) && isRegular(path, name))
    .map(name => timeOf(path, name))
  const backups = new Set(times).size
  const { backupsMin = 0 } = prepared
  if (backups < backupsMin) problems.push(`lost: ${backups} backups are left, not ${backupsMin}`)
  return problems
}

function findUnheld(path: string, { held }: Ledger): string[] {
  const names = namesIn(dirname(path))
  return [...held].flatMap(name => {
    const has = (ending: string): boolean =>
      names.includes(name + ending) || names.includes(`${name}.gz${ending}`)
    if (!has('')) return [`lost: ${name} was held`]
    return has('.hold') ? [] : [`lost: the hold of ${name}`]
  })
}

function findStrangeNames(path: string, others: readonly string[], moment: Moment): string[] {
  const names = namesIn(dirname(path))
  const hidden = privateNames(path, names)
  const active = basename(path)
  return names.flatMap(name => {
    if (others.includes(name)) return []
    if (!isRegular(path, name)) return [`a stranger: ${name} is no regular file`]
    if (name === active || parseBackupName(path, name) || isHoldOf(path, name, names)) return []
    const isTemporary =
      isTemporaryOf(path, name) || name === `.${active}.hold` || name === `.${active}.lock`
    if (!hidden.includes(name) && !isTemporary) return [`a stranger: ${name}`]
    // The temporary file of a hold goes with the next hold.
    if (moment === 'after a fault' || name === `.${active}.hold`) return []
    return [`left over: ${name}`]
  })
}

function findTouched(path: string, others: readonly string[]): string[] {
  const arePlanted = strangersOf(path).every(name => others.includes(name))
  return arePlanted ? findTouchedStrangers(path) : []
}

function namesIn(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory).sort() : []
}

/** Private names of rotations, in the order of these. */
function privateNames(path: string, names: readonly string[]): string[] {
  const first = `.${basename(path)}.rotating`
  const numberIn = (name: string): number => {
    if (name === first) return 1
    const rest = name.startsWith(`${first}.`) ? name.slice(first.length + 1) : ''
    return /^[1-9]\d*$/.test(rest) ? Number(rest) : NaN
  }
  return names
    .filter(name => !Number.isNaN(numberIn(name)))
    .sort((one, other) => numberIn(one) - numberIn(other))
}

function isHoldOf(path: string, name: string, names: readonly string[]): boolean {
  const held = name.endsWith('.hold') ? name.slice(0, -'.hold'.length) : ''
  const parsed = parseBackupName(path, held)
  if (!parsed) return false
  const plain = parsed.archived ? held.slice(0, -'.gz'.length) : held
  return names.includes(plain) || names.includes(`${plain}.gz`)
}

function isTemporaryOf(path: string, name: string): boolean {
  const archive = name.startsWith('.') && name.endsWith('.tmp') ? name.slice(1, -'.tmp'.length) : ''
  return parseBackupName(path, archive)?.archived === true
}

function isRegular(path: string, name: string): boolean {
  return fs.lstatSync(join(dirname(path), name), { throwIfNoEntry: false })?.isFile() === true
}

function timeOf(path: string, name: string): number {
  return parseBackupName(path, name)?.time.getTime() ?? NaN
}
