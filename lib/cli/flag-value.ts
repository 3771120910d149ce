import { parseByteSize } from '../arguments/byte-size.js'
import { parseDuration } from '../arguments/duration.js'
import { UsageError } from './report.js'

/** A setting by its two names, as commander calls them: ours, and kube-apiserver's. */
export interface Spelling<Flag> {
  readonly own: Flag
  readonly kube: Flag
}

const SIZE = `bytes, at least 1, or a size such as '100MiB' (kB, MB, GB, TB, KiB, MiB, GiB, TiB)`
const TIME = `a time longer than nothing, such as '30d' (ms, s, m for minutes, h, d, w)`

/** An option as it is typed: `maxSize` is `--max-size`. */
export function optionName(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

/** @throws UsageError where a setting was given by both of its names. */
export function refuseBothSpellings<Flag extends string>(
  flags: Readonly<Partial<Record<Flag, unknown>>>,
  spellings: readonly Spelling<Flag>[],
): void {
  for (const { own, kube } of spellings) {
    if (flags[own] === undefined || flags[kube] === undefined) continue
    throw new UsageError(
      `${optionName(own)} and ${optionName(kube)} are the same setting: give one of them`,
    )
  }
}

/** Reads a size: bytes, or with a unit. */
export function parseSizeFlag(flag: string, text: string): number {
  const option = optionName(flag)
  const size = /^\d+$/.test(text) ? Number(text) : text
  return orUsage(() => parseByteSize(option, size), option, SIZE, text)
}

/** Reads a length of time; returns milliseconds. */
export function parseTimeFlag(flag: string, text: string): number {
  const option = optionName(flag)
  return orUsage(() => parseDuration(option, text), option, TIME, text)
}

/** Reads a number of backups, at least 1. */
export function parseCountFlag(flag: string, text: string): number {
  const count = wholeNumber(text)
  if (count !== undefined && count > 0) return count
  throw UsageError.badValue(optionName(flag), 'a whole number of backups, at least 1', text)
}

/**
 * Reads a number as kube-apiserver takes it.
 *
 * @param meaning what it counts, and what 0 is there.
 * @param unit times as much is to be exact, too.
 * @returns 0 where it is absent.
 */
export function parseKubeNumber(
  flag: string,
  text: string | undefined,
  meaning: { readonly of: string; readonly zero: string },
  unit: number,
): number {
  if (text === undefined) return 0
  const number = wholeNumber(text)
  if (number !== undefined && Number.isSafeInteger(number * unit)) return number
  const expected = `a whole number of ${meaning.of}, not negative (0 is ${meaning.zero})`
  throw UsageError.badValue(optionName(flag), expected, text)
}

/** What a library function makes of a value; what it refuses is a mistake of usage. */
export function orUsage<Value>(
  parse: () => Value,
  option: string,
  expected: string,
  got: string,
): Value {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError) throw UsageError.badValue(option, expected, got)
    throw error
  }
}

function wholeNumber(text: string): number | undefined {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}
