import { parseByteSize } from '../arguments/byte-size.js'
import { parseDuration } from '../arguments/duration.js'
import type { FileAppenderOptions } from '../appender/options.js'
import { UsageError } from './report.js'

/** The options of `rollkeeper write` as they were typed; those that were not are absent. */
export interface WriteFlags {
  readonly path?: string
  readonly maxSize?: string
  readonly maxBackups?: string
  readonly maxAge?: string
  readonly auditLogPath?: string
  readonly auditLogMaxsize?: string
  readonly auditLogMaxbackup?: string
  readonly auditLogMaxage?: string
}

/** Where the lines go: standard output, or a log with these options. */
export type WriteTarget = 'standard output' | FileAppenderOptions

/** What a path has to be to mean standard output. */
const STANDARD_OUTPUT = '-'

const MIB = 2 ** 20
const DAY_MS = 86_400_000

/** What kube-apiserver takes for `--audit-log-maxsize=0`, since its lumberjack does. */
const KUBE_DEFAULT_MIB = 100

/** The two spellings of each setting. */
const SPELLINGS = [
  { own: 'path', kube: 'auditLogPath' },
  { own: 'maxSize', kube: 'auditLogMaxsize' },
  { own: 'maxBackups', kube: 'auditLogMaxbackup' },
  { own: 'maxAge', kube: 'auditLogMaxage' },
] as const satisfies readonly { own: keyof WriteFlags; kube: keyof WriteFlags }[]

/**
 * Reads the options of the command line.
 *
 * kube-apiserver's names have its units, and its meaning of 0 and of absence: without any size, a
 * log given by `--audit-log-path` rotates at 100 MiB, and one given by `--path` does not. For
 * standard output they are checked and have no effect, as there; our own names of limits ask for
 * what cannot be then, and are refused.
 *
 * @throws UsageError that names the option.
 */
export function parseWriteFlags(flags: WriteFlags): WriteTarget {
  refuseBothSpellings(flags)
  const path = flags.path ?? flags.auditLogPath
  if (path === undefined) throw new UsageError('--path or --audit-log-path is required')
  if (path === '' || path.endsWith('/')) {
    const option = optionName(flags.path === undefined ? 'auditLogPath' : 'path')
    throw UsageError.badValue(option, `the path of a file, or '-'`, path)
  }
  const limits = {
    maxSize: sizeOf(flags),
    maxBackups: backupsOf(flags),
    maxAge: ageOf(flags),
  }
  if (path !== STANDARD_OUTPUT) return { path, ...limits }
  refuseLimits(flags)
  return 'standard output'
}

function refuseBothSpellings(flags: WriteFlags): void {
  for (const { own, kube } of SPELLINGS) {
    if (flags[own] === undefined || flags[kube] === undefined) continue
    throw new UsageError(
      `${optionName(own)} and ${optionName(kube)} are the same setting: give one of them`,
    )
  }
}

function refuseLimits(flags: WriteFlags): void {
  for (const { own } of SPELLINGS) {
    if (own === 'path' || flags[own] === undefined) continue
    throw new UsageError(`${optionName(own)}: standard output is not rotated; leave it out`)
  }
}

function sizeOf({ maxSize, auditLogMaxsize, auditLogPath }: WriteFlags): number | undefined {
  const option = '--max-size'
  if (maxSize !== undefined) {
    const expected = `bytes, at least 1, or a size such as '100MiB' (kB, MB, GB, TB, KiB, MiB, GiB, TiB)`
    const size = /^\d+$/.test(maxSize) ? Number(maxSize) : maxSize
    return orUsage(() => parseByteSize(option, size), option, expected, maxSize)
  }
  if (auditLogMaxsize === undefined && auditLogPath === undefined) return undefined
  const mebibytes = kubeNumber('auditLogMaxsize', auditLogMaxsize, 'of MiB', '100', MIB)
  return (mebibytes || KUBE_DEFAULT_MIB) * MIB
}

function backupsOf({ maxBackups, auditLogMaxbackup }: WriteFlags): number | undefined {
  if (maxBackups === undefined) {
    return kubeNumber('auditLogMaxbackup', auditLogMaxbackup, 'of backups', 'all', 1) || undefined
  }
  const count = wholeNumber(maxBackups)
  if (count !== undefined && count > 0) return count
  throw UsageError.badValue('--max-backups', 'a whole number of backups, at least 1', maxBackups)
}

function ageOf({ maxAge, auditLogMaxage }: WriteFlags): { seconds: number } | undefined {
  const option = '--max-age'
  if (maxAge !== undefined) {
    const expected = `a time longer than nothing, such as '30d' (ms, s, m for minutes, h, d, w)`
    const ms = orUsage(() => parseDuration(option, maxAge), option, expected, maxAge)
    return { seconds: ms / 1000 }
  }
  const days = kubeNumber('auditLogMaxage', auditLogMaxage, 'of days', 'for ever', DAY_MS)
  return days === 0 ? undefined : { seconds: (days * DAY_MS) / 1000 }
}

/** A number as kube-apiserver takes it: 0 where it is absent; also `unit` times as much is exact. */
function kubeNumber(
  flag: keyof WriteFlags,
  value: string | undefined,
  what: string,
  zero: string,
  unit: number,
): number {
  if (value === undefined) return 0
  const number = wholeNumber(value)
  if (number !== undefined && Number.isSafeInteger(number * unit)) return number
  throw UsageError.badValue(
    optionName(flag),
    `a whole number ${what}, not negative (0 is ${zero})`,
    value,
  )
}

function wholeNumber(value: string): number | undefined {
  return /^\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : undefined
}

function orUsage<Value>(parse: () => Value, option: string, expected: string, got: string): Value {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError) throw UsageError.badValue(option, expected, got)
    throw error
  }
}

function optionName(flag: keyof WriteFlags): string {
  return `--${flag.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}
