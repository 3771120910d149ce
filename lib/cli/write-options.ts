import type { Compression, Durability, FileAppenderOptions } from '../appender/options.js'
import type { RotationPolicy } from '../rotation/rotation-policy.js'
import { every } from '../rotation/time-policy.js'
import { type AuditFlags, type AuditMode, parseAuditMode, parseGapFormat } from './audit-flags.js'
import {
  optionName,
  orUsage,
  parseKubeNumber,
  parseSizeFlag,
  parseTimeFlag,
  refuseBothSpellings,
  type Spelling,
} from './flag-value.js'
import { UsageError } from './report.js'
import { parseRetentionFlags, type RetentionFlags } from './retention-flags.js'

/** The options of `rollkeeper write` as they were typed; those that were not are absent. */
export interface WriteFlags extends RetentionFlags, AuditFlags {
  readonly path?: string
  readonly maxSize?: string
  readonly every?: string
  readonly timeZone?: string
  /** True where it was given without a value. */
  readonly compress?: string | true
  readonly durability?: string
  readonly auditLogPath?: string
  readonly auditLogMaxsize?: string
  /** True where it was given without a value. */
  readonly auditLogCompress?: string | true
}

/** Where the lines go: standard output, or a log with these options, in this mode. */
export type WriteTarget =
  'standard output' | { readonly options: FileAppenderOptions; readonly mode: AuditMode }

/** What a path has to be to mean standard output. */
const STANDARD_OUTPUT = '-'

const MIB = 2 ** 20

/** What kube-apiserver takes for `--audit-log-maxsize=0`, since its lumberjack does. */
const KUBE_DEFAULT_MIB = 100

const SPELLINGS: readonly Spelling<keyof WriteFlags>[] = [
  { own: 'path', kube: 'auditLogPath' },
  { own: 'maxSize', kube: 'auditLogMaxsize' },
  { own: 'compress', kube: 'auditLogCompress' },
]

const DURABILITIES: readonly Durability[] = ['flush', 'sync']

/** What Go's flags take for true and false (https://pkg.go.dev/strconv#ParseBool). */
const KUBE_TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const KUBE_FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/**
 * Reads the options of the command line.
 *
 * kube-apiserver's names have its units, and its meaning of 0 and of absence: without any size, a
 * log given by `--audit-log-path` rotates at 100 MiB, and one given by `--path` does not. For
 * standard output they are checked and have no effect, as there; our own names of settings ask for
 * what cannot be then, and are refused.
 *
 * @throws UsageError that names the option.
 */
export function parseWriteFlags(flags: WriteFlags): WriteTarget {
  refuseBothSpellings(flags, SPELLINGS)
  const path = flags.path ?? flags.auditLogPath
  if (path === undefined) throw new UsageError('--path or --audit-log-path is required')
  if (path === '' || path.endsWith('/')) {
    const option = optionName(flags.path === undefined ? 'auditLogPath' : 'path')
    throw UsageError.badValue(option, `the path of a file, or '-'`, path)
  }
  const settings = {
    maxSize: sizeOf(flags),
    rotation: rotationOf(flags),
    ...parseRetentionFlags(flags),
    compress: compressionOf(flags),
    durability: durabilityOf(flags),
    gapRecord: parseGapFormat(flags),
  }
  const mode = parseAuditMode(flags)
  if (path !== STANDARD_OUTPUT) return { options: { path, ...settings }, mode }
  refuseSettings(flags)
  return 'standard output'
}

function refuseSettings(flags: WriteFlags): void {
  const own = Object.keys(flags).find(flag => flag !== 'path' && !flag.startsWith('auditLog'))
  if (own === undefined) return
  throw new UsageError(`${optionName(own)}: has no effect on standard output; leave it out`)
}

function sizeOf({ maxSize, auditLogMaxsize, auditLogPath }: WriteFlags): number | undefined {
  if (maxSize !== undefined) return parseSizeFlag('maxSize', maxSize)
  if (auditLogMaxsize === undefined && auditLogPath === undefined) return undefined
  const meaning = { of: 'MiB', zero: String(KUBE_DEFAULT_MIB) }
  const mebibytes = parseKubeNumber('auditLogMaxsize', auditLogMaxsize, meaning, MIB)
  return (mebibytes || KUBE_DEFAULT_MIB) * MIB
}

function rotationOf({ every: time, timeZone }: WriteFlags): RotationPolicy | undefined {
  if (time === undefined) {
    if (timeZone === undefined) return undefined
    throw new UsageError('--time-zone: goes with --every only')
  }
  parseTimeFlag('every', time)
  const aligned = `a time that fits the clock: shorter than a day, or whole days or weeks, such as '15m', '1d', '2w'`
  const policy = orUsage(() => every(time), '--every', aligned, time)
  if (timeZone === undefined) return policy
  const zone = `the IANA name of a time zone, such as 'Europe/Berlin', or 'UTC'`
  return orUsage(() => every(time, { timeZone }), '--time-zone', zone, timeZone)
}

function compressionOf({ compress, auditLogCompress }: WriteFlags): Compression | undefined {
  if (compress !== undefined) {
    if (compress === true || compress === 'gzip') return 'gzip'
    const [, level] = /^gzip:([1-9])$/.exec(compress) ?? []
    if (level !== undefined) return { gzip: Number(level) }
    const expected = `nothing, 'gzip', or 'gzip:1', the fastest, to 'gzip:9', the smallest`
    throw UsageError.badValue('--compress', expected, compress)
  }
  if (auditLogCompress === undefined) return undefined
  if (auditLogCompress === true || KUBE_TRUE.has(auditLogCompress)) return 'gzip'
  if (KUBE_FALSE.has(auditLogCompress)) return false
  throw UsageError.badValue('--audit-log-compress', `nothing, 'true' or 'false'`, auditLogCompress)
}

function durabilityOf({ durability }: WriteFlags): Durability | undefined {
  if (durability === undefined) return undefined
  const known = DURABILITIES.find(one => one === durability)
  if (known) return known
  throw UsageError.badValue('--durability', `'flush' or 'sync'`, durability)
}
