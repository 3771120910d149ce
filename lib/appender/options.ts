import { basename, resolve, sep } from 'node:path'
import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { parseByteSize, type ByteSize } from '../arguments/byte-size.js'
import { parseChoice } from '../arguments/choice.js'
import type { DurationLike } from '../arguments/duration.js'
import { parseDuration } from '../arguments/duration.js'
import { checkOptionNames } from '../arguments/option-name.js'
import {
  keepForMs,
  keepNewest,
  keepWithinBytes,
  parseCount,
  type RetentionPolicy,
} from '../retention/retention-policy.js'
import type { RetentionRule } from '../retention/selection.js'
import { DEFAULT_GZIP_LEVEL, type UpkeepOptions } from '../retention/upkeep.js'
import type { RotationLimits, RotationPolicy } from '../rotation/rotation-policy.js'
import type { DeliveryOptions, OnFull } from './delivery.js'
import type { SequenceOptions } from './file-sequence.js'
import type { Gap, GapRecord } from './gap.js'

/** What a resolved `append` means: handed to the operating system, or on stable storage. */
export type Durability = 'flush' | 'sync'

/** Whether backups are compressed, and how hard: from 1, the fastest, to 9, the smallest. */
export type Compression = false | 'gzip' | { readonly gzip: number }

/** How many processes may have a log open at a time. */
export type Processes = 'one' | 'many'

/** How a log is written, rotated and kept. What is left out has the default, or sets no limit. */
export interface FileAppenderOptions {
  /** The active file. Relative to the working directory of the moment of construction. */
  path: string
  /**
   * Rotate before a record would take the file past this many bytes: a number, or `'100MiB'` (KiB
   * MiB GiB TiB are 1024s, kB MB GB TB are 1000s). Exactly at the limit stays. Default: no limit.
   */
  maxSize?: ByteSize | undefined
  /** How many backups are kept, the newest: a whole number, at least 1. Default: all. */
  maxBackups?: number | undefined
  /**
   * How old backups may get, by the time in their names: a date-fns `Duration`, or `'30d'` (ms, s,
   * m for minutes, h, d, w; a day is 24 h). Exactly this old stays. Default: for ever.
   */
  maxAge?: DurationLike | undefined
  /**
   * How large all backups together may get: as `maxSize`. The oldest go first, never the newest, and
   * none that is held. Default: no limit.
   */
  maxTotalSize?: ByteSize | undefined
  /** A rotation policy as a program; with `maxSize`, whichever comes first. Default: none. */
  rotation?: RotationPolicy | undefined
  /** A retention policy as a program; with the others, what any gives up goes. Default: none. */
  retention?: RetentionPolicy | undefined
  /**
   * Make archives of backups, in the background: `'gzip'` is `{ gzip: 6 }`. Default: false.
   */
  compress?: Compression | undefined
  /** What a resolved `append` means. `'sync'` is one fdatasync for all who wait. Default 'flush'. */
  durability?: Durability | undefined
  /**
   * Sync in the background: what was written is on stable storage at most about this long later,
   * though nobody waits for it. A date-fns `Duration`, or `'1s'`. While nothing is unsynced nothing is done, and
   * appends under durability `'sync'` leave nothing unsynced. Default: never.
   */
  syncInterval?: DurationLike | undefined
  /**
   * Records of one turn of the event loop leave together at its end, or at once when this much
   * waits: a number of bytes, or a size; 0 is each at once. Counted in UTF-16 units for text, so a
   * batch beyond ASCII may have up to three times as many bytes. Default: 64 KiB.
   */
  batchBytes?: ByteSize | undefined
  /**
   * How much may wait in memory while writing is impossible: a number of bytes, or a size. From a
   * sixteenth of it on, `write` answers false. Default: 16 MiB.
   */
  maxPending?: ByteSize | undefined
  /**
   * What becomes of records past `maxPending`.
   *
   * - `'wait'`, the default: `append` waits, with its record in memory all the same; `write`, which
   *   cannot wait, drops its record and answers false.
   * - `'drop'`: both drop their record; `append` is rejected with `ERR_ROLLKEEPER_DROPPED`.
   * - `'throw'`: both fail with `ERR_ROLLKEEPER_FULL`. The record is still its caller's, so it is
   *   neither counted nor told of as lost.
   */
  onFull?: OnFull | undefined
  /**
   * How a gap of lost records is written into the log: as one record, which may have several lines.
   * It is called when the gap ends, and is kept like any other record: alone in its file if it is
   * longer than `maxSize`. One that throws, or gives no text that ends in `'\n'`, is a `warning`
   * (`ERR_ROLLKEEPER_POLICY`), and the default is used.
   * Default: `<time> rollkeeper: gap records=6 bytes=5242905 why="ENOSPC"\n`.
   */
  gapRecord?: ((gap: Gap) => string) | undefined
  /** Permission bits of a file that has no file before it to take them from. Default: 0o600. */
  mode?: number | undefined
  /** Permission bits of directories that have to be made. Default: 0o700. */
  directoryMode?: number | undefined
  /**
   * Look before each batch whether the active file was renamed, replaced or deleted by somebody
   * else, and open the path anew if so. While nothing is written for a second the file is watched
   * by chokidar, and the path opened anew at once; where it cannot be watched, it is looked at once
   * a second, and one warning (`ERR_ROLLKEEPER_OPEN`) says so. Default: true.
   */
  follow?: boolean | undefined
  /**
   * How many processes may have the log open. `'one'`, the default: an opener takes the path for
   * itself, until it closes the log or ends; whoever else opens it, also in the same process, gets
   * `ERR_ROLLKEEPER_LOCKED`. `'many'` is refused: this version does not have it yet.
   */
  processes?: Processes | undefined
}

/** Those of the options that say which backups are pruned. */
export type RetentionOptions = Pick<
  FileAppenderOptions,
  'maxBackups' | 'maxAge' | 'maxTotalSize' | 'retention'
>

/** The options, checked and complete. */
export interface AppenderSettings extends SequenceOptions, DeliveryOptions, UpkeepOptions {
  readonly durability: Durability
  readonly syncIntervalMs: number | undefined
  readonly processes: 'one'
}

const DEFAULT_BATCH_BYTES = 64 * 1024
const DEFAULT_MAX_PENDING = '16MiB'
const DEFAULT_MODE = 0o600
const DEFAULT_DIRECTORY_MODE = 0o700

/**
 * Longest file name that leaves room for what names made from it add: the time of a backup (24
 * bytes), `.gz`, and the dot and `.tmp` of an archive in the making. File systems take 255 bytes.
 */
const NAME_MAX_BYTES = 255 - 24 - 3 - 5

const NAMES: ReadonlySet<string> = new Set<keyof FileAppenderOptions>([
  'path',
  'maxSize',
  'maxBackups',
  'maxAge',
  'maxTotalSize',
  'rotation',
  'retention',
  'compress',
  'durability',
  'syncInterval',
  'batchBytes',
  'maxPending',
  'onFull',
  'gapRecord',
  'mode',
  'directoryMode',
  'follow',
  'processes',
])

/**
 * Checks the options and puts in the defaults.
 *
 * @throws TypeError or RangeError that names the option, what was expected, and what came.
 */
export function parseOptions(options: FileAppenderOptions): AppenderSettings {
  if (typeof options !== 'object' || options === null) {
    throw wrongType('options', 'an object with a path', options)
  }
  checkOptionNames(options, NAMES)
  const { durability = 'flush', follow = true } = options
  const { maxPending = DEFAULT_MAX_PENDING, onFull = 'wait', gapRecord } = options
  const { mode = DEFAULT_MODE, directoryMode = DEFAULT_DIRECTORY_MODE } = options
  return {
    path: parsePath(options.path),
    maxBytes: parseMaxSize(options.maxSize),
    rotation: options.rotation === undefined ? noLimits : parsePolicy('rotation', options.rotation),
    rules: rulesOf(options),
    gzipLevel: parseCompression(options.compress),
    durability: parseChoice('option durability', durability, ['flush', 'sync']),
    syncIntervalMs: parseSyncInterval(options.syncInterval),
    batchBytes: parseBatchBytes(options.batchBytes),
    maxPending: parseByteSize('option maxPending', maxPending),
    onFull: parseChoice('option onFull', onFull, ['wait', 'drop', 'throw']),
    gapRecord: parseGapRecord(gapRecord),
    follow: parseChoice('option follow', follow, [true, false]),
    processes: parseProcesses(options.processes),
    making: {
      file: { mode: parseMode('mode', mode) },
      directoryMode: parseMode('directoryMode', directoryMode),
    },
  }
}

function parsePath(path: string): string {
  const expected = 'the path of a file: a string, not empty, without NUL, that does not end in /'
  if (typeof path !== 'string') throw wrongType('option path', expected, path)
  if (path === '' || path.includes('\0') || path.endsWith('/') || path.endsWith(sep)) {
    throw wrongType('option path', expected, path)
  }
  const absolute = resolve(path)
  if (Buffer.byteLength(basename(absolute)) > NAME_MAX_BYTES) {
    const fitting = `a file name of at most ${NAME_MAX_BYTES} bytes, to leave room for a backup's`
    throw outOfRange('option path', fitting, path)
  }
  return absolute
}

/**
 * The rules that the options of a retention make, each by the name of its option.
 *
 * @throws TypeError or RangeError that names the option.
 */
export function rulesOf(options: RetentionOptions): RetentionRule[] {
  const { maxBackups, maxAge, maxTotalSize, retention } = options
  const rules: RetentionRule[] = []
  if (maxBackups !== undefined) {
    const policy = keepNewest(parseCount('option maxBackups', maxBackups))
    rules.push({ name: 'maxBackups', policy })
  }
  if (maxAge !== undefined) {
    const policy = keepForMs(parseDuration('option maxAge', maxAge))
    rules.push({ name: 'maxAge', policy })
  }
  if (maxTotalSize !== undefined) {
    const policy = keepWithinBytes(parseByteSize('option maxTotalSize', maxTotalSize))
    rules.push({ name: 'maxTotalSize', policy })
  }
  if (retention !== undefined) {
    rules.push({ name: 'retention', policy: parsePolicy('retention', retention) })
  }
  return rules
}

function parseCompression(compress: Compression = false): number | undefined {
  if (compress === false) return undefined
  if (compress === 'gzip') return DEFAULT_GZIP_LEVEL
  const expected = `false, 'gzip', or { gzip: level } with a whole level from 1 to 9`
  if (
    typeof compress !== 'object' ||
    compress === null ||
    Object.keys(compress).join() !== 'gzip'
  ) {
    throw wrongType('option compress', expected, compress)
  }
  const { gzip } = compress
  if (typeof gzip !== 'number') throw wrongType('option compress', expected, compress)
  if (!Number.isInteger(gzip) || gzip < 1 || gzip > 9) {
    throw outOfRange('option compress', expected, compress)
  }
  return gzip
}

function parsePolicy<Policy>(name: string, policy: Policy): Policy {
  if (typeof policy === 'function') return policy
  throw wrongType(`option ${name}`, 'a policy, which is a function', policy)
}

function parseMaxSize(size: ByteSize | undefined): number {
  return size === undefined ? Infinity : parseByteSize('option maxSize', size)
}

function noLimits(): RotationLimits {
  return {}
}

function parseSyncInterval(syncInterval: DurationLike | undefined): number | undefined {
  return syncInterval === undefined ? undefined : parseDuration('option syncInterval', syncInterval)
}

function parseGapRecord(gapRecord: GapRecord | undefined): GapRecord | undefined {
  if (gapRecord === undefined || typeof gapRecord === 'function') return gapRecord
  throw wrongType('option gapRecord', 'a function from a gap to a record', gapRecord)
}

function parseBatchBytes(batchBytes: ByteSize = DEFAULT_BATCH_BYTES): number {
  if (typeof batchBytes === 'number' && batchBytes < 0) {
    throw outOfRange('option batchBytes', 'a whole number of bytes, at least 0', batchBytes)
  }
  return batchBytes === 0 ? 0 : parseByteSize('option batchBytes', batchBytes)
}

function parseProcesses(processes: Processes = 'one'): 'one' {
  const choice = parseChoice('option processes', processes, ['one', 'many'])
  if (choice === 'one') return choice
  throw outOfRange('option processes', `"one": this version does not have "many" yet`, choice)
}

function parseMode(name: string, mode: number): number {
  const expected = 'permission bits, from 0o000 to 0o777'
  if (typeof mode !== 'number') throw wrongType(`option ${name}`, expected, mode)
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw outOfRange(`option ${name}`, expected, mode)
  }
  return mode
}
